#include "tokenizer/lengths.h"

#include <algorithm>

#include "core/check.h"

namespace quatrain::tokenizer {
namespace {

void shorten(Sequence& sequence, std::size_t length, bool left) {
  if (length >= sequence.size()) return;
  const std::size_t begin = left ? sequence.size() - length : 0;
  sequence.keep(begin, begin + length);
}

}  // namespace

void truncate(const TruncationSpec& spec, std::size_t added, Sequence& first, Sequence* second) {
  using Strategy = TruncationSpec::Strategy;
  const char* where = "encode";
  check(spec.max_length >= static_cast<std::int64_t>(added), where, "max_length is ",
        spec.max_length, ", less than the ", added, " special tokens alone");
  const std::size_t length = static_cast<std::size_t>(spec.max_length) - added;
  const std::size_t total = first.size() + (second ? second->size() : 0);
  if (total <= length) return;
  if (length == 0) {
    first.clear();
    if (second) second->clear();
    return;
  }
  if (spec.strategy == Strategy::kLongestFirst) {
    if (!second) return shorten(first, length, spec.left);
    // The shorter one stays whole if it takes no more than half.
    std::size_t less = std::min(first.size(), second->size());
    std::size_t more = std::max(less, length - std::min(less, length));
    if (less + more > length) {
      less = length / 2;
      more = less + length % 2;
    }
    const bool first_is_longer = first.size() > second->size();
    shorten(first, first_is_longer ? more : less, spec.left);
    shorten(*second, first_is_longer ? less : more, spec.left);
    return;
  }
  Sequence* target = spec.strategy == Strategy::kOnlyFirst ? &first : second;
  check(target != nullptr, where, "truncation of the second text only, but there is no second");
  const std::size_t removed = total - length;
  check(target->size() > removed, where, "the text to truncate has ", target->size(),
        " tokens, of which ", removed, " would have to go");
  shorten(*target, target->size() - removed, spec.left);
}

void pad(const PaddingSpec& spec, const std::string* text, std::span<Encoding> batch) {
  std::size_t length = 0;
  if (spec.fixed) {
    length = static_cast<std::size_t>(*spec.fixed);
  } else {
    for (const Encoding& encoding : batch) length = std::max(length, encoding.size());
  }
  if (const auto multiple = static_cast<std::size_t>(spec.multiple_of); multiple > 0) {
    length = (length + multiple - 1) / multiple * multiple;
  }
  for (Encoding& encoding : batch) {
    if (encoding.size() >= length) continue;
    encoding.pad(length - encoding.size(), spec.left, static_cast<std::uint32_t>(spec.id),
                 static_cast<std::uint32_t>(spec.type_id), text);
  }
}

}  // namespace quatrain::tokenizer
