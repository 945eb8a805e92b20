#include "tokenizer/training/symbols.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "tokenizer/byte_level.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;

std::string to_string(char32_t c) {
  std::string string;
  unicode::append(string, c);
  return string;
}

// The forms that a character takes in words, as bits of a number: 1 for the prefix of what
// continues a word, 2 for the suffix of what ends one.
constexpr std::uint8_t kContinues = 1, kEnds = 2;

class Speller {
 public:
  Speller(const BpeTrainerSpec& spec, bool bytes)
      : spec_(spec),
        bytes_(bytes),
        form_mask_((spec.continuing_subword_prefix ? kContinues : 0) |
                   (spec.end_of_word_suffix ? kEnds : 0)) {}

  // Calls each(character, form) for the characters of a word.
  template <class Each>
  void read(std::string_view word, Each each) const {
    for (std::size_t at = 0; at < word.size();) {
      std::uint8_t form = at > 0 ? kContinues : 0;
      const char32_t c =
          bytes_ ? byte_to_char(static_cast<unsigned char>(word[at++])) : unicode::decode(word, at);
      if (at == word.size()) form |= kEnds;
      each(c, static_cast<std::uint8_t>(form & form_mask_));
    }
  }

  std::string spell(char32_t c, std::uint8_t form) const {
    std::string string = to_string(c);
    if (form & kContinues) string.insert(0, *spec_.continuing_subword_prefix);
    if (form & kEnds) string += *spec_.end_of_word_suffix;
    return string;
  }

 private:
  const BpeTrainerSpec& spec_;
  bool bytes_;
  std::uint8_t form_mask_;
};

// Of every character: how often it occurs, in which forms (bits 1 << form), and their ids.
struct Characters {
  static constexpr std::size_t kCount = 0x110000;
  std::vector<std::uint64_t> counts = std::vector<std::uint64_t>(kCount);
  std::vector<std::uint8_t> forms = std::vector<std::uint8_t>(kCount);
  std::vector<std::array<std::uint32_t, 4>> ids =
      std::vector<std::array<std::uint32_t, 4>>(kCount, {kNone, kNone, kNone, kNone});
};

std::vector<char32_t> alphabet(const BpeTrainerSpec& spec,
                               const std::vector<std::uint64_t>& counts) {
  std::vector<char32_t> kept;
  for (char32_t c = 0; c < Characters::kCount; ++c) {
    if (counts[c] > 0) kept.push_back(c);
  }
  if (spec.limit_alphabet && kept.size() > *spec.limit_alphabet) {
    std::stable_sort(kept.begin(), kept.end(),
                     [&](char32_t a, char32_t b) { return counts[a] > counts[b]; });
    kept.resize(*spec.limit_alphabet);
    std::sort(kept.begin(), kept.end());
  }
  return kept;
}

}  // namespace

std::uint32_t Symbols::add(std::string_view string) {
  const auto [entry, is_new] = ids_.try_emplace(std::string(string), strings_.size());
  if (is_new) strings_.push_back(&entry->first);
  return entry->second;
}

SymbolWords spell_words(const BpeTrainerSpec& spec, std::span<const WordCount> words, bool bytes,
                        Symbols& symbols) {
  const Speller speller(spec, bytes);
  Characters characters;
  for (const WordCount& word : words) {
    speller.read(word.word, [&](char32_t c, std::uint8_t form) {
      characters.counts[c] += word.count;
      characters.forms[c] |= static_cast<std::uint8_t>(1 << form);
    });
  }
  for (const char32_t c : spec.initial_alphabet) characters.counts[c] = UINT64_MAX;

  for (const std::string& token : spec.special_tokens) symbols.add(token);
  for (const char32_t c : alphabet(spec, characters.counts)) symbols.add(to_string(c));
  for (char32_t c = 0; c < Characters::kCount; ++c) {
    if (!characters.forms[c] || !symbols.has(to_string(c))) continue;
    for (std::uint8_t form = 0; form < 4; ++form) {
      if (characters.forms[c] & 1 << form) {
        characters.ids[c][form] = symbols.add(speller.spell(c, form));
      }
    }
  }

  SymbolWords out;
  for (const WordCount& word : words) {
    const std::size_t begin = out.ids.size();
    speller.read(word.word, [&](char32_t c, std::uint8_t form) {
      const std::uint32_t id = characters.ids[c][form];
      if (id != kNone) out.ids.push_back(id);
    });
    if (out.ids.size() >= begin + 2) {
      out.words.push_back({begin, out.ids.size(), word.count});
    } else {
      out.ids.resize(begin);
    }
  }
  return out;
}

}  // namespace quatrain::tokenizer
