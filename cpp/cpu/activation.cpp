#include "ops/activation.h"

#include <array>
#include <utility>

#include "core/check.h"
#include "cpu/kernels.h"
#include "cpu/schedule.h"

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
    for_elements(threads, x.size(), 1, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
      kernel(x.data + first, out.data + first, last - first);
    });
    return;
  }
  for_rows(threads, x.rows, x.columns, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) kernel(x.row(i), out.row(i), x.columns);
  });
}

void gated(Activation kind, ConstRows gate, ConstRows up, MutableRows out, int threads) {
  const auto kernel = kernels().gated[static_cast<int>(kind)];
  for_rows(threads, gate.rows, gate.columns, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      kernel(gate.row(i), up.row(i), out.row(i), gate.columns);
    }
  });
}

}  // namespace quatrain
