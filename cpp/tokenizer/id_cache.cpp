#include "tokenizer/id_cache.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "tokenizer/hash.h"

namespace quatrain::tokenizer {
namespace {

void* zeroed(std::size_t count, std::size_t size) {
  void* memory = std::calloc(count, size);
  if (!memory) throw std::bad_alloc();
  return memory;
}

constexpr std::size_t words_of(std::size_t bytes) { return (bytes + 3) / 4; }

}  // namespace

void IdCache::Free::operator()(void* memory) const { std::free(memory); }

IdCache::IdCache()
    : slots_(static_cast<Slot*>(zeroed(slots(kFirstBits), sizeof(Slot)))),
      pool_(static_cast<std::uint32_t*>(zeroed(kPool, sizeof(std::uint32_t)))) {}

std::size_t IdCache::bytes() {
  return slots(kLastBits) * sizeof(Slot) + kPool * sizeof(std::uint32_t);
}

IdCache::Key IdCache::long_key(std::string_view word, std::uint8_t part) {
  return {hash_bytes(word), 0, static_cast<std::uint8_t>(word.size() | part)};
}

const std::uint32_t* IdCache::pooled(const Slot& slot, std::string_view word) const {
  const std::uint32_t* at = pool_.get() + slot.ids[0];
  if (word.size() <= kShort) return at;
  if (std::memcmp(at, word.data(), word.size()) != 0) return nullptr;
  return at + words_of(word.size());
}

void IdCache::insert(const Key& key, std::string_view word, Ids ids) {
  if (ids.empty() || ids.size() > UINT8_MAX) return;
  const bool is_long = word.size() > kShort;
  const std::size_t needed = ids.size() + (is_long ? words_of(word.size()) : 0);
  const bool is_pooled = is_long || ids.size() > kFew;
  if (is_pooled && pool_size_ + needed + kFew > kPool) clear();
  if (++size_ > (std::size_t{1} << (63 - shift_)) && shift_ > 64 - kLastBits) grow();
  Slot& slot = free_slot(key);
  slot.low = key.low;
  slot.high = key.high;
  slot.size = key.size;
  slot.count = static_cast<std::uint8_t>(ids.size());
  if (!is_pooled) {
    std::copy(ids.begin(), ids.end(), slot.ids.begin());
    return;
  }
  slot.ids[0] = static_cast<std::uint32_t>(pool_size_);
  std::uint32_t* at = pool_.get() + pool_size_;
  if (is_long) {
    std::memcpy(at, word.data(), word.size());
    at += words_of(word.size());
  }
  std::copy(ids.begin(), ids.end(), at);
  pool_size_ += needed;
}

IdCache::Slot& IdCache::free_slot(const Key& key) {
  Slot* first = slots_.get() + place(key);
  Slot* slot = std::find_if(first, first + kTries, [](const Slot& s) { return s.size == 0; });
  return slot < first + kTries ? *slot : first[turn_++ % kTries];
}

void IdCache::grow() {
  const int bits = 64 - shift_;
  Slots old(static_cast<Slot*>(zeroed(slots(bits + 1), sizeof(Slot))));
  old.swap(slots_);
  --shift_;
  for (std::size_t i = 0; i < slots(bits); ++i) {
    if (old[i].size > 0) free_slot({old[i].low, old[i].high, old[i].size}) = old[i];
  }
}

void IdCache::clear() {
  std::memset(slots_.get(), 0, slots(64 - shift_) * sizeof(Slot));
  size_ = pool_size_ = 0;
}

}  // namespace quatrain::tokenizer
