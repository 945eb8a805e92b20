#include "plan/arena.h"

#include <algorithm>
#include <numeric>

#include "core/aligned.h"

namespace quatrain {

namespace {

// Memory that a small pass after a large one does not give back.
constexpr std::size_t kKept = std::size_t{64} << 20;
constexpr std::size_t kLine = kAlignment / sizeof(float);

bool meet(const Lifetime& a, const Lifetime& b) { return a.born <= b.dies && b.born <= a.dies; }

}  // namespace

std::size_t place(const std::vector<Lifetime>& buffers, std::vector<std::size_t>& offsets) {
  const auto size = [&](std::size_t i) { return (buffers[i].floats + kLine - 1) / kLine * kLine; };
  std::vector<std::size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return size(a) > size(b); });
  offsets.assign(buffers.size(), 0);
  std::vector<std::size_t> placed;  // by offset
  std::size_t total = 0;
  for (const std::size_t i : order) {
    std::size_t offset = 0;
    for (const std::size_t other : placed) {
      if (!meet(buffers[i], buffers[other])) continue;
      if (offset + size(i) <= offsets[other]) break;
      offset = std::max(offset, offsets[other] + size(other));
    }
    offsets[i] = offset;
    total = std::max(total, offset + size(i));
    const auto behind = [&](std::size_t at, std::size_t other) { return at < offsets[other]; };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), offset, behind), i);
  }
  return total;
}

float* Arena::floats(std::size_t count) {
  const std::size_t bytes = count * sizeof(float);
  if (bytes > bytes_ || (bytes_ > kKept && bytes < bytes_ / 4)) {
    memory_ = Pages();  // before there is other memory: the peak counts
    bytes_ = 0;
    memory_ = Pages(bytes);
    bytes_ = bytes;
  }
  return static_cast<float*>(memory_.data());
}

}  // namespace quatrain
