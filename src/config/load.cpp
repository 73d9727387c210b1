#include "sluice/config/load.hpp"

#include "config/file.hpp"
#include "config/schemas.hpp"

#include <exception>

namespace sluice::config {
namespace {

constexpr Position kWholeFile{};

void read_document(std::string_view text, Context& context, Document& out) {
  const Tree tree = Tree::parse(text, 0, context.out);
  if (tree.root() == nullptr) return;
  const Cursor top(context, *tree.root());
  read_map(top, kDocumentSchema, out);
  require_tenants(top, out);
}

void load_file(const std::string& path, Document& document, Diagnostics& out) {
  const FileText file = read_file(path, FileKind::any);
  if (!file.error.empty()) {
    out.add(kWholeFile, {}, file.error);
    return;
  }
  Context context{out, document.files, directory_of(path), file.id};
  read_document(file.text, context, document);
}

// Everything expected is a diagnostic already; what is left is running out of memory.
template <class Load>
Document guarded(const std::string& name, Diagnostics& out, Load work) {
  Document document;
  try {
    document.files.push_back(name);
    work(document);
  } catch (const std::exception& error) {
    out.add(kWholeFile, {}, std::string("cannot be loaded: ") + error.what());
  }
  return document;
}

}  // namespace

Document load(const std::string& path, Diagnostics& out) {
  return guarded(path, out, [&](Document& document) { load_file(path, document, out); });
}

Document load_text(std::string_view text, const std::string& name, const std::string& base,
                   Diagnostics& out) {
  return guarded(name, out, [&](Document& document) {
    Context context{out, document.files, base, {}};
    read_document(text, context, document);
  });
}

}  // namespace sluice::config
