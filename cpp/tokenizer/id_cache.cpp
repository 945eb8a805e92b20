#include "tokenizer/id_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tokenizer/hash.h"

namespace quatrain::tokenizer {
namespace {

constexpr std::size_t words_of(std::size_t bytes) { return (bytes + 3) / 4; }

}  // namespace

IdCache::IdCache()
    : shift_(64 - kFirstBits),
      pages_(slots(shift_) * sizeof(Slot)),
      pool_pages_(kPool * sizeof(std::uint32_t)),
      slots_(static_cast<Slot*>(pages_.data())),
      pool_(static_cast<std::uint32_t*>(pool_pages_.data())) {}

std::size_t IdCache::bytes() {
  return slots(64 - kLastBits) * sizeof(Slot) + kPool * sizeof(std::uint32_t);
}

IdCache::Key IdCache::long_key(std::string_view word, std::uint8_t part) {
  return {hash_bytes(word), std::uint64_t{word.size() | part} << 56};
}

IdCache::Ids IdCache::pooled(const Slot& slot, std::string_view word) const {
  const std::uint32_t* at = pool_ + slot.ids[0];
  if (std::memcmp(at, word.data(), word.size()) != 0) return {};
  return {at + words_of(word.size()), slot.count - kPooled};
}

void IdCache::insert(const Key& key, std::string_view word, Ids ids) {
  if (ids.empty() || ids.size() >= kPooled) return;
  const bool is_long = word.size() > kShort;
  const std::size_t needed = ids.size() + (is_long ? words_of(word.size()) : 0);
  const bool is_pooled = is_long || ids.size() > kFew;
  if (is_pooled && pool_size_ + needed + kFew > kPool) clear();
  if (++size_ > slots(shift_) / 4 && shift_ > 64 - kLastBits) grow();
  Slot& slot = free_slot(key);
  slot.key = key;
  slot.count = static_cast<std::uint32_t>(ids.size());
  if (!is_pooled) {
    std::copy(ids.begin(), ids.end(), slot.ids.begin());
    return;
  }
  slot.count += kPooled;
  slot.ids[0] = static_cast<std::uint32_t>(pool_size_);
  std::uint32_t* at = pool_ + pool_size_;
  if (is_long) {
    std::memcpy(at, word.data(), word.size());
    at += words_of(word.size());
  }
  std::copy(ids.begin(), ids.end(), at);
  pool_size_ += needed;
}

IdCache::Slot& IdCache::free_slot(const Key& key) {
  Slot* first = home(key.hash());
  Slot* slot = std::find_if(first, first + kTries, [](const Slot& s) { return s.key.is_none(); });
  return slot < first + kTries ? *slot : first[turn_++ % kTries];
}

void IdCache::grow() {
  const std::span old(slots_, slots(shift_));
  Pages larger(slots(shift_ - kGrowth) * sizeof(Slot));
  shift_ -= kGrowth;
  const Pages old_pages = std::exchange(pages_, std::move(larger));
  slots_ = static_cast<Slot*>(pages_.data());
  for (const Slot& slot : old) {
    if (!slot.key.is_none()) free_slot(slot.key) = slot;
  }
}

void IdCache::clear() {
  std::memset(static_cast<void*>(slots_), 0, slots(shift_) * sizeof(Slot));
  size_ = pool_size_ = 0;
}

}  // namespace quatrain::tokenizer
