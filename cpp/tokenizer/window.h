// Where words begin in 64 bytes of ASCII, all at once: each class of characters is a number with a
// bit for every place, and a WordPattern (word_pattern.h) comes to shifts and sums of them.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>

#include "tokenizer/bytes.h"
#include "tokenizer/scan.h"
#include "tokenizer/word_pattern.h"

namespace quatrain::tokenizer {

template <WordPattern P>
class Window {
 public:
  static constexpr std::size_t kSize = 64;
  // Whether this can be said of the pattern at all.
  static constexpr bool kServes = P.symbols == 0 && !P.ascii_lead;

  explicit Window(const Scan<P>& scan) : scan_(scan) {}

  struct Found {
    std::uint64_t starts;  // a bit for every place where a match begins, but the first
    bool is_whole;         // as far as 64 bytes go; else up to what they do not decide
  };
  // The matches at `at`, where the first begins, in the text's last `size` bytes. kSize bytes can
  // be read.
  Found look(const char* at, std::size_t size) const {
    const std::uint64_t letters = places<'a', 'z', 0x20>(at), digits = places<'0', '9'>(at);
    const std::uint64_t space = places<' ', ' '>(at);
    std::uint64_t spaces = space | places<'\t', '\r'>(at);
    std::uint64_t symbols = ~(letters | digits | spaces);
    std::uint64_t breaks = 0, unclear = ~places<0, 0x7F>(at);
    if (size < kSize) unclear |= ~std::uint64_t{0} << size;

    if constexpr (P.line_breaks) {
      breaks = places<'\n', '\n'>(at) | places<'\r', '\r'>(at);
      if constexpr (P.joined_breaks) {
        // A sum carries from where a run is entered to where it ends.
        const std::uint64_t run = P.slashes ? breaks | places<'/', '/'>(at) : breaks;
        const std::uint64_t entries = breaks & behind(symbols);
        const std::uint64_t joined = (run & ~(run + entries)) | entries;
        symbols &= ~joined;
        spaces &= ~joined;
        breaks &= ~joined;
      }
    }
    const std::uint64_t blanks = spaces & ~breaks;
    // Of blanks in front of a line break, it takes more to know where they began to be spaces.
    unclear |= breaks & behind(blanks);

    // A run of spaces, what is behind its last line break, and its last one, which may lead.
    std::uint64_t starts =
        1 | first(spaces) | (blanks & behind(breaks)) | (blanks & ~(spaces >> 1));
    std::uint64_t symbol_starts = first(symbols) & ~behind(space);
    starts |= symbol_starts;
    if constexpr (P.any_lead) {
      starts |= first(letters) & ~behind(blanks | symbol_starts);
      starts |= digit_starts(digits);
    } else {
      starts |= first(letters) & ~behind(space);
      starts |= P.digits == 0 ? first(digits) & ~behind(space) : digit_starts(digits);
    }
    if constexpr (P.cased) {
      const std::uint64_t capitals = places<'A', 'Z'>(at);
      starts |= capitals & behind(letters & ~capitals);
    }

    const std::uint64_t clear = below(std::countr_zero(unclear));
    // Where spaces end is not known if what is unclear may be one of them.
    starts &= clear & below(std::bit_width(clear & ~spaces) + 1);
    if constexpr (P.contraction != WordPattern::Contraction::kNone) {
      const std::uint64_t quotes = places<'\'', '\''>(at) & symbol_starts & starts;
      if (quotes) starts = contracted(at, quotes, letters, starts, clear);
    }
    return {starts & ~std::uint64_t{1}, unclear == 0};
  }

 private:
  static std::uint64_t behind(std::uint64_t places) { return places << 1; }
  static std::uint64_t first(std::uint64_t places) { return places & ~behind(places); }
  static std::uint64_t below(int place) {
    return place >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << place) - 1;
  }

  static std::uint64_t digit_starts(std::uint64_t digits) {
    if constexpr (P.digits == 1) return digits;
    std::uint64_t starts = first(digits);
    if constexpr (P.digits > 1) {
      static_assert(P.digits == 3);
      const std::uint64_t fourth = digits & behind(digits & behind(digits & behind(digits)));
      for (std::uint64_t next = starts << 3 & fourth; next; next = next << 3 & fourth) {
        starts |= next;
      }
    }
    return starts;
  }

  std::uint64_t contracted(const char* at, std::uint64_t quotes, std::uint64_t letters,
                           std::uint64_t starts, std::uint64_t clear) const {
    constexpr int kLongest = 3;
    constexpr bool kSuffix = P.contraction == WordPattern::Contraction::kSuffix;
    if constexpr (kSuffix) quotes &= behind(letters);
    for (int last = 0; quotes; quotes &= quotes - 1) {
      const int quote = std::countr_zero(quotes);
      if (!(clear >> quote >> kLongest & 1)) return starts & below(quote + (kSuffix ? 0 : 1));
      if (kSuffix && quote == last) continue;  // a word has one at most
      const auto size = static_cast<int>(scan_.contraction(at + quote) - (at + quote));
      if (size == 0) continue;
      last = quote + size;
      starts &= below(kSuffix ? quote : quote + 1) | ~below(last);
      starts |= std::uint64_t{1} << last;
    }
    return starts;
  }

  const Scan<P>& scan_;
};

}  // namespace quatrain::tokenizer
