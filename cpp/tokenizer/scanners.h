// The patterns by name, and texts cut with them.
#pragma once
#include <utility>

#include "tokenizer/scan.h"
#include "tokenizer/spec.h"

namespace quatrain::tokenizer {

// Calls visit.operator()<P>() with the scanner's pattern.
template <class Visit>
void with_pattern(PreTokenizerSpec::Scanner scanner, Visit&& visit) {
  using Scanner = PreTokenizerSpec::Scanner;
  switch (scanner) {
    case Scanner::kGpt2:
      return visit.template operator()<kGpt2>();
    case Scanner::kClip:
      return visit.template operator()<kClip>();
    case Scanner::kLlama3:
      return visit.template operator()<kLlama3>();
    case Scanner::kCl100k:
      return visit.template operator()<kCl100k>();
    case Scanner::kMiniCpm5:
      return visit.template operator()<kMiniCpm5>();
    case Scanner::kQwen2:
      return visit.template operator()<kQwen2>();
    case Scanner::kQwen35:
      return visit.template operator()<kQwen35>();
    case Scanner::kSeedCoder:
      return visit.template operator()<kSeedCoder>();
    case Scanner::kUfakzeka:
      return visit.template operator()<kUfakzeka>();
    case Scanner::kO200k:
      return visit.template operator()<kO200k>();
    case Scanner::kYoutu:
      return visit.template operator()<kYoutu>();
    case Scanner::kTekken:
      return visit.template operator()<kTekken>();
    case Scanner::kDeepSeek3:
      return visit.template operator()<kDeepSeek3>();
  }
}

}  // namespace quatrain::tokenizer
