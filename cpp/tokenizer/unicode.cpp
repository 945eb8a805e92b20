#include "tokenizer/unicode.h"

#include <algorithm>
#include <map>

namespace quatrain::unicode {
namespace {

constexpr char32_t kCodePoints = 0x110000;
constexpr char32_t kHangul = 0xAC00, kLead = 0x1100, kVowel = 0x1161, kTail = 0x11A7;
constexpr char32_t kLeads = 19, kVowels = 21, kTails = 28, kSyllables = kLeads * kVowels * kTails;

// The entry with this key in a sorted table, or null.
template <class Row>
const Row* find(const Row* table, std::size_t size, char32_t key) {
  const Row* end = table + size;
  const Row* row =
      std::lower_bound(table, end, key, [](const Row& r, char32_t k) { return r.from < k; });
  return row != end && row->from == key ? row : nullptr;
}

// The value of the run that holds c.
std::uint8_t value_at(const tables::Run* runs, std::size_t size, char32_t c) {
  const tables::Run* after = std::upper_bound(
      runs, runs + size, c, [](char32_t key, const tables::Run& r) { return key < r.start; });
  return static_cast<std::uint8_t>((after - 1)->value);
}

}  // namespace

ClassTable::ClassTable(const tables::Run* runs, std::size_t size) {
  std::map<std::vector<std::uint16_t>, std::uint32_t> known;
  std::vector<std::uint16_t> page(256);
  std::size_t run = 0;
  for (char32_t c = 0; c < kCodePoints; ++c) {
    while (run + 1 < size && runs[run + 1].start <= c) ++run;
    page[c & 255] = static_cast<std::uint16_t>(runs[run].value);
    if ((c & 255) == 255) {
      const auto [entry, is_new] =
          known.try_emplace(page, static_cast<std::uint32_t>(pages_.size()));
      if (is_new) pages_.insert(pages_.end(), page.begin(), page.end());
      page_[c >> 8] = entry->second;
    }
  }
}

const ClassTable& class_table() {
  static const ClassTable table(tables::class_runs, tables::class_runs_size);
  return table;
}

std::uint8_t combining_class(char32_t c) {
  return value_at(tables::combining_runs, tables::combining_runs_size, c);
}

std::uint8_t script(char32_t c) {
  return value_at(tables::script_runs, tables::script_runs_size, c);
}

std::span<const std::uint32_t> decompose(char32_t c, bool compatible,
                                         std::array<std::uint32_t, 3>& hangul) {
  if (c >= kHangul && c < kHangul + kSyllables) {
    const char32_t index = c - kHangul;
    hangul = {kLead + index / (kVowels * kTails), kVowel + index / kTails % kVowels,
              kTail + index % kTails};
    return {hangul.data(), index % kTails ? 3u : 2u};
  }
  const tables::Mapping* found = nullptr;
  if (compatible) found = find(tables::compatible, tables::compatible_size, c);
  if (!found) found = find(tables::canonical, tables::canonical_size, c);
  if (!found) return {};
  return {tables::decomposed + found->offset, found->size};
}

char32_t compose(char32_t first, char32_t second) {
  if (first >= kLead && first < kLead + kLeads && second >= kVowel && second < kVowel + kVowels) {
    return kHangul + ((first - kLead) * kVowels + (second - kVowel)) * kTails;
  }
  if (first >= kHangul && first < kHangul + kSyllables && (first - kHangul) % kTails == 0 &&
      second > kTail && second < kTail + kTails) {
    return first + (second - kTail);
  }
  const auto* end = tables::compositions + tables::compositions_size;
  const auto* row =
      std::lower_bound(tables::compositions, end, std::pair{first, second},
                       [](const tables::Pair& r, std::pair<char32_t, char32_t> key) {
                         return std::pair<char32_t, char32_t>{r.first, r.second} < key;
                       });
  return row != end && row->first == first && row->second == second ? row->composed : 0;
}

Lowered lower(char32_t c) {
  const tables::Lower* found = find(tables::lower, tables::lower_size, c);
  return found ? Lowered{found->first, found->second} : Lowered{c, 0};
}

std::size_t valid_prefix(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto lead = static_cast<unsigned char>(bytes[at]);
    if (lead < 0x80) {
      ++at;
      continue;
    }
    if (lead < 0xC2 || lead > 0xF4) return at;
    const std::size_t size = length(bytes[at]);
    if (bytes.size() - at < size) return at;
    for (std::size_t i = 1; i < size; ++i) {
      if (!is_continuation(bytes[at + i])) return at;
    }
    std::size_t cursor = at;
    const char32_t c = decode(bytes, cursor);
    const bool overlong = (size == 3 && c < 0x800) || (size == 4 && c < 0x10000);
    if (overlong || c >= kCodePoints || (c >= 0xD800 && c < 0xE000)) return at;
    at += size;
  }
  return at;
}

}  // namespace quatrain::unicode
