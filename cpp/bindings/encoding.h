// An encoding as Python holds it.
#pragma once
#include <memory>

#include "tokenizer/tokenizer.h"

namespace quatrain {

// It keeps its tokenizer, for the tokens' texts; without one (as after unpickling) it has them all.
struct BoundEncoding {
  std::shared_ptr<const tokenizer::Tokenizer> owner;
  tokenizer::Encoding data;
};

}  // namespace quatrain
