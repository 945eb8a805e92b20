#include "tokenizer/post_processor.h"

#include <algorithm>
#include <limits>

#include "core/check.h"
#include "tokenizer/unicode.h"

namespace quatrain::tokenizer {
namespace {

using Item = PostProcessor::Item;
using Kind = PostProcessorSpec::Kind;

constexpr const char* kWhere = "post_processor";

// A text is copied to each of its places.
constexpr std::ptrdiff_t kMostPlaces = 16;

// The peers' unit: a step sees a list of them, at first one for each text.
using Group = std::vector<Item>;

Group specials(const TemplatePiece& piece, std::uint32_t type_id) {
  Group group;
  for (std::size_t i = 0; i < piece.ids.size(); ++i) {
    Item& item = group.emplace_back();
    item.type_id = type_id;
    item.id = static_cast<std::uint32_t>(piece.ids[i]);
    item.token = piece.tokens[i];
  }
  return group;
}

void fill_template(const PostProcessorSpec& step, bool add_special_tokens,
                   std::vector<Group>& groups) {
  const bool is_pair = groups.size() == 2;
  check<TokenizerError>(is_pair || groups.size() == 1, kWhere, "a template is given ",
                        groups.size(), " sequences by the step before, expected 1 or 2");
  std::vector<Group> filled;
  for (const TemplatePiece& piece : is_pair ? step.pair : step.single) {
    if (piece.is_sequence) {
      check<TokenizerError>(is_pair || !piece.is_pair, kWhere,
                            "the template for one text must not hold sequence B");
      filled.push_back(groups[piece.is_pair]);
      for (Item& item : filled.back()) item.type_id = piece.type_id;
    } else if (add_special_tokens) {
      filled.push_back(specials(piece, piece.type_id));
    }
  }
  groups = std::move(filled);
}

void put_around(const PostProcessorSpec& step, bool add_special_tokens,
                std::vector<Group>& groups) {
  const bool is_roberta = step.kind == Kind::kRoberta;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    Group& group = groups[i];
    if (is_roberta) {
      for (Item& item : group) item.type_id = 0;
    }
    if (!add_special_tokens) continue;
    for (Item& item : group) item.is_masked = false;
    const Group sep = specials(step.sep, is_roberta || i == 0 ? 0 : 1);
    group.insert(group.end(), sep.begin(), sep.end());
    if (i > 0 && !is_roberta) continue;
    const Group front = i == 0 ? specials(step.cls, 0) : sep;
    group.insert(group.begin(), front.begin(), front.end());
  }
}

std::vector<Item> carry_out(const std::vector<PostProcessorSpec>& steps, bool is_pair,
                            bool add_special_tokens) {
  std::vector<Group> groups(is_pair ? 2 : 1, Group(1));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    Item& text = groups[i].front();
    text.is_text = true;
    text.is_second = i == 1;
    text.type_id = static_cast<std::uint32_t>(i);
    text.is_masked = false;
  }
  for (const PostProcessorSpec& step : steps) {
    switch (step.kind) {
      case Kind::kTrimOffsets:
        for (Group& group : groups) {
          for (Item& item : group) {
            if (item.is_text) item.trims.push_back({step.add_prefix_space, &item == &group[0]});
          }
        }
        break;
      case Kind::kTemplate:
        fill_template(step, add_special_tokens, groups);
        break;
      case Kind::kBert:
      case Kind::kRoberta:
        put_around(step, add_special_tokens, groups);
        break;
    }
  }
  std::vector<Item> items;
  for (const Group& group : groups) items.insert(items.end(), group.begin(), group.end());
  const auto places =
      std::count_if(items.begin(), items.end(), [](const Item& item) { return item.is_text; });
  check<TokenizerError>(places <= kMostPlaces, kWhere, "the template repeats the text ", places,
                        " times, expected at most ", kMostPlaces);
  return items;
}

std::size_t count_added(const PostProcessorSpec& step, bool is_pair) {
  switch (step.kind) {
    case Kind::kTrimOffsets:
      return 0;
    case Kind::kBert:
      return is_pair ? 3 : 2;
    case Kind::kRoberta:
      return is_pair ? 4 : 2;
    case Kind::kTemplate:
      break;
  }
  std::size_t count = 0;
  for (const TemplatePiece& piece : is_pair ? step.pair : step.single) count += piece.ids.size();
  return count;
}

bool has_text(const std::vector<TemplatePiece>& pieces) {
  return std::any_of(pieces.begin(), pieces.end(),
                     [](const TemplatePiece& piece) { return piece.is_sequence; });
}

void check_special(const TemplatePiece& piece, const PostProcessor::TokenText& token_text,
                   std::uint32_t end_id) {
  check<TokenizerError>(piece.ids.size() == piece.tokens.size(), kWhere, "a special token has ",
                        piece.ids.size(), " ids and ", piece.tokens.size(), " texts");
  for (std::size_t i = 0; i < piece.ids.size(); ++i) {
    const std::int64_t id = piece.ids[i];
    check<TokenizerError>(
        id >= 0 && id < end_id && !token_text(static_cast<std::uint32_t>(id)).empty(), kWhere,
        "special token '", piece.tokens[i], "' has id ", id, ", which no token has");
    check<TokenizerError>(unicode::is_valid(piece.tokens[i]), kWhere, "the token of id ", id,
                          " is not valid UTF-8");
  }
}

}  // namespace

PostProcessor::PostProcessor(const std::vector<PostProcessorSpec>& steps,
                             const TokenText& token_text, std::uint32_t end_id) {
  bool trims = false;
  for (const PostProcessorSpec& step : steps) {
    trims = trims || step.kind == Kind::kTrimOffsets;
    for (const auto* pieces : {&step.single, &step.pair}) {
      for (const TemplatePiece& piece : *pieces) check_special(piece, token_text, end_id);
      check<TokenizerError>(step.kind != Kind::kTemplate || has_text(*pieces), kWhere,
                            "a template must hold sequence A");
    }
    check_special(step.cls, token_text, end_id);
    check_special(step.sep, token_text, end_id);
  }
  for (const bool is_pair : {false, true}) {
    for (const PostProcessorSpec& step : steps) added_[is_pair] += count_added(step, is_pair);
    for (const bool add_special_tokens : {false, true}) {
      auto& items = items_[is_pair][add_special_tokens];
      items = carry_out(steps, is_pair, add_special_tokens);
      // A text that is the vocabulary's need not be kept.
      for (Item& item : items) {
        if (!item.is_text && token_text(item.id) == item.token) item.token.clear();
      }
    }
  }
  if (!trims) return;
  spaces_.resize(end_id);
  for (std::uint32_t id = 0; id < end_id; ++id) spaces_[id] = spaces(token_text(id));
}

PostProcessor::Spaces PostProcessor::spaces(std::string_view token) {
  const auto& classes = unicode::class_table();
  const auto is_space = [&](char32_t c) {
    return c == U'\u0120' || (classes[c] & unicode::Class::kSpace);
  };
  constexpr std::uint16_t kMost = std::numeric_limits<std::uint16_t>::max();
  Spaces counted;
  for (std::size_t at = 0; at < token.size() && counted.leading < kMost; ++counted.leading) {
    if (!is_space(unicode::decode(token, at))) break;
  }
  for (std::size_t at = token.size(); at > 0 && counted.trailing < kMost; ++counted.trailing) {
    if (!is_space(unicode::decode_before(token, at))) break;
  }
  return counted;
}

void PostProcessor::trim(Trim step, std::size_t begin, Encoding& encoding) const {
  auto text = std::partition_point(encoding.texts.begin(), encoding.texts.end(),
                                   [&](const auto& entry) { return entry.first < begin; });
  for (std::size_t i = begin; i < encoding.size(); ++i) {
    Spaces count = spaces_[encoding.ids[i]];
    if (text != encoding.texts.end() && text->first == i) count = spaces((text++)->second);
    Span& span = encoding.offsets[i];
    if (count.leading > 0) {
      // The space in front of a text was put there by us, and is no part of it to trim.
      const bool is_first = (i == begin && step.is_at_front) || span.begin == 0;
      if (is_first && step.prefix_space && count.leading == 1) count.leading = 0;
      span.begin = std::min(span.begin + count.leading, span.end);
    }
    if (count.trailing > 0 && span.end >= count.trailing) {
      span.end = std::max(span.end - count.trailing, span.begin);
    }
  }
}

Encoding PostProcessor::join(bool is_pair, bool add_special_tokens, const Pick& pick) const {
  const std::span<const Item> items = this->items(is_pair, add_special_tokens);
  std::size_t place = 0, size = 0;
  for (const Item& item : items) size += item.is_text ? pick(place++, item.is_second).size() : 1;
  Encoding encoding;
  encoding.reserve(size);
  encoding.parts.reserve(items.size());
  place = 0;
  for (const Item& item : items) {
    const std::size_t begin = encoding.size();
    if (item.is_text) {
      encoding.append(pick(place++, item.is_second), item.type_id, item.is_second);
      for (const Trim step : item.trims) trim(step, begin, encoding);
    } else {
      if (!item.token.empty()) {
        encoding.texts.emplace_back(static_cast<std::uint32_t>(begin), item.token);
      }
      encoding.append(item.id, item.type_id, item.is_masked);
    }
  }
  return encoding;
}

}  // namespace quatrain::tokenizer
