#include "core/block.h"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace quatrain {
namespace {

constexpr std::uint64_t kPatience = 64;  // blocks that memory waits for
constexpr std::size_t kMostBytes = std::size_t{256} << 20;
constexpr std::size_t kMostBlocks = 32;

struct Kept {
  std::size_t bytes;
  std::uint64_t since;
  Pages pages;
};

// Never destroyed: blocks may outlive static objects.
struct Shelf {
  std::mutex mutex;
  std::vector<Kept> kept;  // the oldest first
  std::uint64_t taken = 0;
  std::size_t bytes = 0;

  Shelf() { kept.reserve(kMostBlocks + 1); }  // giving back must not fail

  void drop_oldest() {
    bytes -= kept.front().bytes;
    kept.erase(kept.begin());
  }

  // The smallest that is large enough, and not much too large; of equal ones the one given back
  // last, which may still be in a cache.
  Kept take(std::size_t wanted) {
    ++taken;
    while (!kept.empty() && kept.front().since + kPatience < taken) drop_oldest();
    auto best = kept.end();
    for (auto it = kept.begin(); it != kept.end(); ++it) {
      const bool fits = it->bytes >= wanted && it->bytes / 2 <= wanted;
      if (fits && (best == kept.end() || it->bytes <= best->bytes)) best = it;
    }
    if (best == kept.end()) return {wanted, 0, Pages()};
    Kept found = std::move(*best);
    bytes -= found.bytes;
    kept.erase(best);
    return found;
  }

  void give(std::size_t size, Pages pages) {
    kept.push_back({size, taken, std::move(pages)});
    bytes += size;
    while (bytes > kMostBytes || kept.size() > kMostBlocks) drop_oldest();
  }
};

Shelf& shelf() {
  static Shelf& shelf = *new Shelf;
  return shelf;
}

}  // namespace

Block::Block(std::size_t bytes) {
  {
    const std::lock_guard lock(shelf().mutex);
    Kept found = shelf().take(bytes);
    bytes_ = found.bytes;
    pages_ = std::move(found.pages);
  }
  if (pages_.data() == nullptr) pages_ = Pages(bytes_);
}

Block::~Block() {
  const std::lock_guard lock(shelf().mutex);
  shelf().give(bytes_, std::move(pages_));
}

}  // namespace quatrain
