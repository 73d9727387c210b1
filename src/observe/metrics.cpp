#include "sluice/observe/metrics.hpp"

#include "sluice/observe/counters.hpp"

#include <utility>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace sluice::observe {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

ClientMetric labelled(std::string label, std::string value) {
  ClientMetric out;
  out.label.push_back({std::move(label), std::move(value)});
  return out;
}

MetricFamily build_info() {
  ClientMetric info = labelled("version", SLUICE_VERSION);
  info.gauge.value = 1;
  return {"sluice_build_info", "Which build runs; always 1.", MetricType::Gauge, {std::move(info)}};
}

// Every reason is there from the start, so that a rate over the first one is right.
MetricFamily abuse() {
  MetricFamily out{"sluice_http2_connections_ended_total",
                   "HTTP/2 connections ended because of what their clients did.",
                   MetricType::Counter,
                   {}};
  for (std::size_t at = 0; at < http::kAbuses; ++at) {
    const auto reason = static_cast<http::Abuse>(at);
    ClientMetric metric = labelled("reason", std::string(http::to_string(reason)));
    metric.counter.value = static_cast<double>(counted(reason));
    out.metric.push_back(std::move(metric));
  }
  return out;
}

}  // namespace

std::string metrics_text() { return prometheus::TextSerializer().Serialize({build_info(), abuse()}); }

}  // namespace sluice::observe
