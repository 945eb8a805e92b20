#include "tokenizer/lengths.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/check.h"

namespace quatrain::tokenizer {
namespace {

// From one window to the next.
std::size_t step(const TruncationSpec& spec, std::size_t length) {
  const auto stride = static_cast<std::size_t>(spec.stride);
  check(stride < length, "encode", "stride is ", stride, ", not less than the ", length,
        " tokens of text that a window has");
  return length - stride;
}

}  // namespace

std::array<std::size_t, 2> fit(const TruncationSpec& spec, std::size_t added, std::size_t first,
                               std::optional<std::size_t> second) {
  using Strategy = TruncationSpec::Strategy;
  const char* where = "encode";
  check(spec.max_length >= static_cast<std::int64_t>(added), where, "max_length is ",
        spec.max_length, ", less than the ", added, " special tokens alone");
  const std::size_t length = static_cast<std::size_t>(spec.max_length) - added;
  const std::size_t total = first + second.value_or(0);
  if (total <= length) return {first, second.value_or(0)};
  if (length == 0) return {0, 0};
  if (spec.strategy == Strategy::kLongestFirst) {
    if (!second) return {length, 0};
    // The shorter one stays whole if it takes no more than half.
    std::size_t less = std::min(first, *second);
    std::size_t more = std::max(less, length - std::min(less, length));
    if (less + more > length) {
      less = length / 2;
      more = less + length % 2;
    }
    if (first > *second) std::swap(less, more);
    return {std::min(first, less), std::min(*second, more)};
  }
  const bool is_first = spec.strategy == Strategy::kOnlyFirst;
  check(is_first || second, where, "truncation of the second text only, but there is no second");
  const std::size_t target = is_first ? first : *second;
  const std::size_t removed = total - length;
  check(target > removed, where, "the text to truncate has ", target, " tokens, of which ", removed,
        " would have to go");
  if (is_first) return {first - removed, second.value_or(0)};
  return {first, *second - removed};
}

std::size_t count_windows(const TruncationSpec& spec, std::size_t length, std::size_t size) {
  if (length >= size) return 1;
  if (length == 0) return 2;  // nothing, and all of it
  const std::size_t by = step(spec, length);
  return 1 + (size - length + by - 1) / by;
}

TokenRange window(const TruncationSpec& spec, std::size_t length, std::size_t size,
                  std::size_t index) {
  std::size_t begin = 0, end = std::min(length, size);
  if (length == 0 && index > 0) {
    end = size;
  } else if (length < size && length > 0) {
    begin = index * step(spec, length);
    end = std::min(begin + length, size);
  }
  if (spec.left) std::tie(begin, end) = std::pair(size - end, size - begin);
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
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
