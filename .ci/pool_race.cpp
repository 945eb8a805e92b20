// Several threads at once through one thread pool, for ThreadSanitizer: kernels and plans must give
// the bits that one thread alone gives, whoever else calls, and an exception must reach its own
// caller.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/parallel.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "plan/plan.h"

namespace {

using namespace quatrain;

constexpr std::ptrdiff_t kRows = 65, kIn = 130, kOut = 67;

std::vector<float> numbers(std::ptrdiff_t count, unsigned seed) {
  std::vector<float> out(static_cast<std::size_t>(count));
  for (float& x : out) x = static_cast<float>((seed = seed * 1664525u + 1013904223u) >> 8) * 1e-7f;
  return out;
}

// A norm, then a product: what both kernels give on so many threads.
std::vector<float> work(const PackedWeight& weight, const std::vector<float>& x, int threads) {
  const std::vector<float> scale(kIn, 1.0f);
  std::vector<float> normed(x.size()), out(kRows * kOut);
  layer_norm({x.data(), kRows, kIn}, scale.data(), nullptr, 1e-5f, {normed.data(), kRows, kIn},
             threads);
  linear({normed.data(), kRows, kIn}, weight, nullptr, Activation::kGelu, {out.data(), kRows, kOut},
         threads);
  return out;
}

bool equal(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// A layer of attention over positions, recorded once.
struct Layer {
  std::vector<float> table = numbers(kRows * kIn, 3);
  Plan plan;

  explicit Layer(const PackedWeight& weight) {
    const Value x = plan.embedding(plan.positions(0), ConstRows{table.data(), kRows, kIn});
    AttentionOptions options;
    options.heads = options.kv_heads = 5;
    options.causal = true;
    plan.result(
        plan.linear(plan.attention(x, x, x, options, {}), weight, nullptr, Activation::kNone));
  }

  // Sentences of 31 rows and of kRows - 31.
  std::vector<float> run(Arena& arena, int threads) const {
    const std::int64_t starts[] = {0, 31, kRows}, past[] = {0, 0};
    std::vector<float> out(kRows * kOut);
    Given given;
    given.batch = 2;
    given.starts = starts;
    given.past = past;
    given.results.emplace_back(out.data(), kRows, kOut);
    plan.run(given, arena, threads);
    return out;
  }
};

}  // namespace

int main() {
  const std::vector<float> matrix = numbers(kOut * kIn, 1), x = numbers(kRows * kIn, 2);
  std::vector<PackedWeight> weights;
  std::vector<std::vector<float>> wanted;
  for (const Packing packing :
       {Packing::kFloat32, Packing::kFloat16, Packing::kInt8, Packing::kInt4}) {
    weights.emplace_back(WeightView{matrix.data(), WeightType::kFloat32, kOut, kIn, kIn, 1},
                         packing, 32, true, 1);
    wanted.push_back(work(weights.back(), x, 1));
  }
  const Layer layer(weights[0]);
  Arena first;
  const std::vector<float> layer_wanted = layer.run(first, 1);

  std::atomic<int> wrong{0}, caught{0}, nested{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&, caller] {
      Arena arena;
      for (int i = 0; i < 300; ++i) {
        const int threads = 1 + (caller + i) % 4;
        const auto which = static_cast<std::size_t>(i % 4);
        wrong += !equal(work(weights[which], x, threads), wanted[which]);
        wrong += !equal(layer.run(arena, threads), layer_wanted);
        try {
          parallel_for(3, 64, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
            if (begin <= 13 && 13 < end) throw std::runtime_error("thirteen");
          });
        } catch (const std::runtime_error&) {
          ++caught;
        }
        parallel_for(2, 4, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
          parallel_for(2, end - begin, [&](std::ptrdiff_t b, std::ptrdiff_t e) {
            nested += static_cast<int>(e - b);
          });
        });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  std::printf("pool: %d wrong results, %d of 900 exceptions, %d of 3600 nested steps\n",
              wrong.load(), caught.load(), nested.load());
  return wrong == 0 && caught == 900 && nested == 3600 ? 0 : 1;
}
