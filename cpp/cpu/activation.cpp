#include "ops/activation.h"

#include <array>
#include <utility>

#include "core/check.h"
#include "cpu/kernels.h"
#include "cpu/results.h"

namespace quatrain {

Activation activation_from_name(const char* where, std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Activation>, 6> kNames{{
      {"none", Activation::kNone},
      {"gelu", Activation::kGelu},
      {"gelu_tanh", Activation::kGeluTanh},
      {"relu", Activation::kRelu},
      {"silu", Activation::kSilu},
      {"tanh", Activation::kTanh},
  }};
  for (const auto& [known, kind] : kNames) {
    if (name == known) return kind;
  }
  fail(where, "expected an activation among none, gelu, gelu_tanh, relu, silu, tanh, got ", name);
}

void activate(Activation kind, ConstRows x, MutableRows out, int threads) {
  const auto kernel = kernels().activate[static_cast<int>(kind)];
  if (x.contiguous() && out.contiguous()) {
    for_result_elements(threads, out, 1,
                        [&](std::ptrdiff_t first, std::ptrdiff_t count, float* to) {
                          kernel(x.data + first, to, count);
                        });
    return;
  }
  for_result_rows(threads, out, x.columns,
                  [&](std::ptrdiff_t i, float* row) { kernel(x.row(i), row, x.columns); });
}

void gated(Activation kind, ConstRows gate, ConstRows up, MutableRows out, int threads) {
  const auto kernel = kernels().gated[static_cast<int>(kind)];
  for_result_rows(threads, out, gate.columns, [&](std::ptrdiff_t i, float* row) {
    kernel(gate.row(i), up.row(i), row, gate.columns);
  });
}

}  // namespace quatrain
