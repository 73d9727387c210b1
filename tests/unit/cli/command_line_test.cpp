#include "cli/command_line.hpp"

#include "sluice/cli/cli.hpp"

#include "cli/verbs.hpp"

#include <catch2/catch.hpp>

using namespace sluice::cli;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using Words = std::vector<std::string>;

namespace {

std::string refusal(const Words& words) {
  const Command command = parse_command(words);
  CHECK(command.verb == nullptr);
  CHECK(command.code == kUsage);
  CHECK(command.out.empty());
  return command.error;
}

std::string told(const Words& words) {
  const Command command = parse_command(words);
  CHECK(command.verb == nullptr);
  CHECK(command.code == kDone);
  CHECK(command.error.empty());
  return command.out;
}

}  // namespace

TEST_CASE("the file is named by an option, by its short form, or alone", "[cli]") {
  CHECK(parse_command({"check"}).options.file == "/etc/sluice/sluice.yaml");
  for (const Words& words : {Words{"check", "--config", "a.yaml"}, Words{"check", "--config=a.yaml"},
                             Words{"check", "-c", "a.yaml"}, Words{"check", "-ca.yaml"},
                             Words{"check", "a.yaml"}, Words{"check", "--", "a.yaml"}}) {
    const Command command = parse_command(words);
    CHECK(command.verb == &check_verb);
    CHECK(command.options.file == "a.yaml");
    CHECK_FALSE(command.options.json);
  }
  CHECK(parse_command({"run", "a.yaml"}).verb == &run_verb);
  CHECK(parse_command({"reload", "a.yaml"}).verb == &reload_verb);
  const Command command = parse_command({"check", "--json", "a.yaml"});
  CHECK(command.options.json);
  CHECK(command.options.file == "a.yaml");
}

TEST_CASE("a file that is called like a verb", "[cli]") {
  CHECK(parse_command({"check", "run"}).options.file == "run");
  CHECK(parse_command({"check", "--config", "help"}).options.file == "help");
  CHECK(parse_command({"pool", "drain", "pool", "check"}).options.pool == "pool");
}

TEST_CASE("proxy takes one address and any number of servers", "[cli]") {
  const Command command =
      parse_command({"proxy", "--from", ":8080", "--to", "[::1]:1", "--to=unix:/a,b", "--to", "c.test:3"});
  CHECK(command.verb == &proxy_verb);
  CHECK(command.options.from == ":8080");
  CHECK(command.options.to == Words{"[::1]:1", "unix:/a,b", "c.test:3"});
  CHECK_THAT(refusal({"proxy", "--to", "a:1"}),
             Contains("--from is required") && Contains("usage: sluice proxy"));
  CHECK_THAT(refusal({"proxy", "--from", "a:1"}), Contains("--to is required"));
  CHECK_THAT(refusal({"proxy", "--from", ":1", "--to", "a:1", "b:1"}), Contains("unknown argument \"b:1\""));
}

TEST_CASE("pool asks, or sets one server", "[cli]") {
  CHECK(parse_command({"pool"}).options.duty.empty());
  const Command command = parse_command({"pool", "drain", "app", "127.0.0.1:3000", "--json", "-c", "a.yaml"});
  CHECK(command.verb == &pool_verb);
  CHECK(command.options.duty == "drain");
  CHECK(command.options.pool == "app");
  CHECK(command.options.server == "127.0.0.1:3000");
  CHECK(command.options.json);
  CHECK(command.options.file == "a.yaml");
  for (const Words& words : {Words{"pool", "drain"}, Words{"pool", "drain", "app"},
                             Words{"pool", "dry", "app", "a:1"}, Words{"pool", "drain", "app", "a:1", "b:1"}})
    CHECK_THAT(refusal(words), Contains("usage: sluice pool [drain|ready|maintenance POOL SERVER]"));
}

TEST_CASE("what is wrong is named", "[cli]") {
  CHECK_THAT(refusal({"relaod"}), Contains("unknown verb \"relaod\"; did you mean \"reload\"?"));
  CHECK_THAT(refusal({"check", "--confg", "x"}), Contains("\"--confg\"; did you mean \"--config\"?"));
  CHECK_THAT(refusal({"check", "--confg=x"}), Contains("\"--confg\"; did you mean \"--config\"?"));
  CHECK_THAT(refusal({"check", "a", "b"}), StartsWith("sluice check: unknown argument \"b\""));
  CHECK_THAT(refusal({"run", "--config"}), Contains("--config needs a value"));
  CHECK_THAT(refusal({"run", "-c"}), Contains("--config needs a value"));
  CHECK_THAT(refusal({"run", "--config", "a", "-c", "b"}), Contains("--config is given twice"));
  CHECK_THAT(refusal({"run", "a", "-c", "b"}), Contains("a file is named twice, by --config and alone"));
  CHECK_THAT(refusal({"run", "-c", "a", "--workers", "4"}), Contains("unknown argument \"--workers\""));
  CHECK_THAT(refusal({"pool", "drain", "app"}), Contains("drain needs a pool and a server"));
  CHECK_THAT(refusal({"pool", "drian", "app", "a:1"}),
             Contains("unknown duty \"drian\"; did you mean \"drain\"?"));
  CHECK_THAT(refusal({"pool", "list"}),
             Contains("unknown duty \"list\"; it is one of: drain, ready, maintenance"));
  CHECK_THAT(refusal({"pool", "a.yaml"}), Contains("write \"--config a.yaml\""));
  CHECK_THAT(refusal({"completion", "ksh"}), Contains("unknown shell \"ksh\""));
  CHECK_THAT(refusal({"check", "--json=yes"}), Contains("--json takes no value"));
  CHECK_THAT(parse_command({"run", "--json"}).out, Contains("unknown argument \\\"--json\\\""));
  CHECK_THAT(refusal({"--config", "a.yaml"}),
             Contains("--config stands before the verb; write \"sluice VERB --config\""));
  CHECK_THAT(refusal({"completion", "klingon"}),
             Contains("klingon") && Contains("usage: sluice completion bash|zsh|fish"));
}

TEST_CASE("no verb is a mistake that is answered with all of them", "[cli]") {
  const Command command = parse_command({});
  CHECK(command.code == kUsage);
  CHECK(command.out == told({"help"}));
}

TEST_CASE("help, of all and of one", "[cli]") {
  const std::string all = told({"help"});
  for (const char* verb :
       {"run", "proxy", "check", "reload", "pool", "ban", "tenant", "version", "help", "completion"})
    CHECK_THAT(all, Contains(std::string("\n  ") + verb + " "));
  CHECK(told({"--help"}) == all);
  CHECK(told({"-h"}) == all);
  const std::string one = told({"help", "proxy"});
  CHECK_THAT(one, StartsWith("usage: sluice proxy --from ADDR --to ADDR") &&
                      Contains("a server; may be given again"));
  // What else is wrong with the line does not matter to somebody who asks for help.
  CHECK(told({"proxy", "--help"}) == one);
  CHECK(told({"proxy", "--from", "x", "-h"}) == one);
  CHECK_THAT(refusal({"help", "prxy"}), Contains("unknown verb \"prxy\"; did you mean \"proxy\"?"));
}

TEST_CASE("the version, however it is asked for", "[cli]") {
  for (const char* word : {"version", "--version", "-v", "-V"})
    CHECK(told({word}) == "sluice " SLUICE_VERSION "\n");
}

TEST_CASE("completion knows the options of each verb", "[cli]") {
  const std::string script = told({"completion", "bash"});
  CHECK_THAT(script, Contains("proxy) first=\"\" words=\"--help --from --to\" ;;"));
  CHECK_THAT(script, Contains("check) first=\"\" words=\"--help --config --json --strict\" files=-f ;;"));
  CHECK_THAT(script, Contains("help) first=\"run proxy check reload pool ban tenant version help "
                              "completion\" words=\"--help\" ;;"));
  CHECK_THAT(script, Contains("ban) first=\"list add lift\" words=\"--help --tenant --until --for --reason"));
  CHECK_THAT(script,
             Contains("tenant) first=\"list hold release\" words=\"--help --until --for --reason --all"));
  CHECK_THAT(told({"completion", "zsh"}), StartsWith("#compdef sluice\n") && Contains("'*'--admin'[where"));
  CHECK_THAT(told({"completion", "fish"}),
             Contains("__fish_seen_subcommand_from pool' -l admin -x -d 'where"));
}

TEST_CASE("with --json wrong usage is an object too", "[cli]") {
  for (const Words& words :
       {Words{"reload", "--json", "--bogus"}, Words{"--json"}, Words{"frobnicate", "--json"},
        Words{"run", "--json"}, Words{"pool", "--json", "--admin"}}) {
    const Command command = parse_command(words);
    CHECK(command.code == kUsage);
    CHECK(command.error.empty());
    CHECK_THAT(command.out, StartsWith("{\"errors\":[{\"file\":\"\"") && Contains("\"exit_code\":2}\n"));
  }
  CHECK_THAT(told({"version", "--json"}), StartsWith("{\"version\":\"") && Contains("\"exit_code\":0"));
}

TEST_CASE("whether a file was named is known, and where the process is", "[cli]") {
  CHECK_FALSE(parse_command({"reload"}).options.file_named);
  CHECK_FALSE(parse_command({"reload", "--admin", "unix:/a"}).options.file_named);
  CHECK(parse_command({"reload", "a.yaml"}).options.file_named);
  CHECK(parse_command({"reload", "-c", "/etc/sluice/sluice.yaml"}).options.file_named);
  CHECK(parse_command({"pool", "--admin=unix:/a"}).options.admin == "unix:/a");
}

TEST_CASE("bans and holds are ordered", "[cli]") {
  CHECK(parse_command({"ban"}).verb == &ban_verb);
  const Options ban =
      parse_command({"ban", "add", "203.0.113.0/24", "--tenant", "acme", "--for", "2h", "--force"}).options;
  CHECK(
      (ban.action == "add" && ban.address == "203.0.113.0/24" && ban.tenant == "acme" && ban.until == "2h"));
  CHECK(ban.force);
  CHECK(parse_command({"tenant", "list", "--all"}).verb == &tenant_verb);
  const Options hold =
      parse_command({"tenant", "hold", "acme", "--until", "+15m", "--reason", "moving house"}).options;
  CHECK((hold.action == "hold" && hold.tenant == "acme" && hold.until == "+15m" &&
         hold.reason == "moving house"));
}

TEST_CASE("what is wrong with an order is said without asking the process", "[cli]") {
  CHECK_THAT(refusal({"ban", "ad"}), Contains("unknown action \"ad\"; did you mean \"add\"?"));
  CHECK_THAT(refusal({"ban", "add"}), Contains("add needs an address or a block"));
  CHECK_THAT(refusal({"ban", "lift", "::1", "--reason", "x"}), Contains("--reason is of no use to lift"));
  CHECK_THAT(refusal({"ban", "--for", "1h"}), Contains("--for is of no use to list"));
  CHECK_THAT(refusal({"ban", "a.yaml"}), Contains("write \"--config a.yaml\""));
  CHECK_THAT(refusal({"tenant", "hold"}), Contains("hold needs a tenant"));
  CHECK_THAT(refusal({"tenant", "hold", "acme"}), Contains("hold needs --until WHEN or --for TIME"));
  CHECK_THAT(refusal({"tenant", "hold", "acme", "--for", "1h", "--until", "+1h"}), Contains("one is enough"));
  CHECK_THAT(refusal({"tenant", "hold", "acme", "--for", "15"}), Contains("15"));
  CHECK_THAT(refusal({"tenant", "hold", "acme", "--until", "1999-01-01T00:00Z"}),
             Contains("is over already"));
}
