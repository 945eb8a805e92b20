// Several threads at once through one thread pool, for ThreadSanitizer: kernels must give the bits
// that one thread alone gives, whoever else calls, and an exception must reach its own caller.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/parallel.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"

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

}  // namespace

int main() {
  const std::vector<float> matrix = numbers(kOut * kIn, 1), x = numbers(kRows * kIn, 2);
  const PackedWeight weight({matrix.data(), WeightType::kFloat32, kOut, kIn, kIn, 1}, 1);
  const std::vector<float> wanted = work(weight, x, 1);

  std::atomic<int> wrong{0}, caught{0}, nested{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 300; ++i) {
        const std::vector<float> got = work(weight, x, 1 + (caller + i) % 4);
        wrong += std::memcmp(got.data(), wanted.data(), wanted.size() * sizeof(float)) != 0;
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
