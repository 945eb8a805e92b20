#include "tokenizer/categories.h"

#include <algorithm>

#include "tokenizer/unicode.h"

namespace quatrain::unicode {

CategoryTable::CategoryTable() {
  std::array<std::uint8_t, 256> page;
  const tables::Run* run = tables::category_runs;
  const tables::Run* last = run + tables::category_runs_size - 1;
  for (std::uint32_t index = 0; index < page_.size(); ++index) {
    for (std::uint32_t c = index * 256, end = c + 256; c < end;) {
      while (run != last && run[1].start <= c) ++run;
      const std::uint32_t stop = run == last ? end : std::min(end, run[1].start);
      std::fill(&page[c & 255], &page[c & 255] + (stop - c), static_cast<std::uint8_t>(run->value));
      c = stop;
    }
    std::size_t known = 0;
    while (known < pages_.size() && !std::equal(page.begin(), page.end(), &pages_[known])) {
      known += 256;
    }
    if (known == pages_.size()) pages_.insert(pages_.end(), page.begin(), page.end());
    page_[index] = static_cast<std::uint8_t>(known / 256);
  }
}

const CategoryTable& category_table() {
  static const CategoryTable table;
  return table;
}

}  // namespace quatrain::unicode
