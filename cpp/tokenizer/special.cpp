#include "tokenizer/special.h"

#include <algorithm>

#include "core/check.h"

namespace quatrain::tokenizer {

SpecialGuard::SpecialGuard(const SpecialRule& rule, std::optional<std::span<const Piece>> within,
                           const Source& source)
    : rule_(rule), is_everywhere_(!within) {
  if (!within) return;
  std::uint32_t seen = 0;
  for (const auto& [begin, end] : *within) {
    check(seen <= begin && begin <= end && end <= source.bytes().size(), "encode", "byte range [",
          begin, ", ", end, ") is out of order, or outside the text of ", source.bytes().size(),
          " bytes");
    seen = end;
    if (begin < end) within_.push_back({source.character(begin), source.character(end - 1) + 1});
  }
}

bool SpecialGuard::covers(Span span) const {
  if (is_everywhere_) return true;
  const auto behind = std::partition_point(
      within_.begin(), within_.end(), [&](const Span& range) { return range.end <= span.begin; });
  return behind != within_.end() && behind->begin < span.end;
}

}  // namespace quatrain::tokenizer
