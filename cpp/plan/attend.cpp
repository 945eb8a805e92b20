// Recording attention: the one operation that asks where each sentence's keys are.
#include "core/check.h"
#include "ops/append_rows.h"
#include "plan/plan.h"

namespace quatrain {

namespace {

constexpr const char* kWhere = "attention";

AttentionLayout layout_of(const Given& given, const Arena::Sentences& queries,
                          const std::int64_t* first, const std::int64_t* length,
                          const AttentionBias* bias) {
  return {given.batch, queries.starts.data(), first, length, given.past, bias};
}

}  // namespace

Value Plan::attended(Value q, std::ptrdiff_t value_columns, const AttentionOptions& options,
                     std::optional<Bias> bias) {
  check(q.per != Per::kSentence, kWhere, "expected a query for each token");
  if (bias) {
    expect_own(*bias);
    check(q.per == Per::kToken, kWhere, "a bias of strided rows is not planned for");
    const std::ptrdiff_t heads = biases_[bias->number].rows;
    check(heads == 1 || heads == options.heads, kWhere, "expected a bias of ", options.heads,
          " heads, got ", heads);
  }
  return make(q.per, attended_columns(kWhere, value_columns, options));
}

Value Plan::attention(Value q, Value k, Value v, const AttentionOptions& options,
                      std::optional<Bias> bias) {
  check(k.per == q.per && v.per == q.per, kWhere, "expected a key for each query");
  const Value out = attended(q, v.columns, options, bias);
  step({q, k, v}, [=](const Pass& pass) {
    const Arena::Sentences& own = pass.of(q.per);
    check(!bias || pass.keys.total == own.length, kWhere,
          "expected a bias of this pass's keys alone, got one of earlier keys as well");
    const AttentionLayout layout =
        layout_of(pass.given, own, own.starts.data(), own.length.data(), pass.bias(bias));
    quatrain::attention(pass.rows(q), pass.rows(k), pass.rows(v), layout, options, pass.rows(out),
                        pass.threads);
  });
  return out;
}

Value Plan::attention(CacheSlot cache, Value q, Value k, Value v, const AttentionOptions& options,
                      std::optional<Bias> bias) {
  expect_own(cache);
  check(q.per == Per::kToken && k.per == Per::kToken && v.per == Per::kToken, kWhere,
        "expected a query and a key for each token");
  const Value out = attended(q, v.columns, options, bias);
  step({q, k, v}, [=](const Pass& pass) {
    const Given& given = pass.given;
    const Cache& held = given.caches[cache.number];
    const CacheRows keys = readable(held.keys), values = readable(held.values);
    const std::ptrdiff_t key_columns = keys.value_columns(options.kv_heads);
    const std::ptrdiff_t value_columns = values.value_columns(options.kv_heads);
    check(key_columns == k.columns && value_columns == v.columns, kWhere, "expected a cache of ",
          k.columns, " and ", v.columns, " columns, got ", key_columns, " and ", value_columns);
    const auto extend = [&](const Cache::Rows& target, ConstRows rows) {
      if (const auto* quantized = std::get_if<Int8Rows>(&target)) {
        append_rows(*quantized, options.kv_heads, given.batch, held.capacity, rows, given.starts,
                    given.past, pass.threads);
      } else {
        append_rows(std::get<MutableRows>(target), given.batch, held.capacity, rows, given.starts,
                    given.past, pass.threads);
      }
    };
    extend(held.keys, pass.rows(k));
    extend(held.values, pass.rows(v));
    const std::int64_t* first =
        pass.keys.first.data() + cache.number * static_cast<std::size_t>(given.batch);
    const AttentionLayout layout =
        layout_of(given, pass.of(q.per), first, pass.keys.total.data(), pass.bias(bias));
    quatrain::attention(pass.rows(q), keys, values, layout, options, pass.rows(out), pass.threads);
  });
  return out;
}

Value Plan::attention(SourceSlot source, Value q, std::ptrdiff_t value_columns,
                      const AttentionOptions& options, std::optional<Bias> bias) {
  expect_own(source);
  check(!bias, kWhere, "a bias of the scores of a source is not planned for");
  const Value out = attended(q, value_columns, options, {});
  step({q}, [=](const Pass& pass) {
    const Source& held = pass.given.sources[source.number];
    check(held.values.columns == value_columns, kWhere, "expected a source of ", value_columns,
          " columns, got ", held.values.columns);
    const AttentionLayout layout =
        layout_of(pass.given, pass.of(q.per), held.first, held.length, nullptr);
    quatrain::attention(pass.rows(q), held.keys, held.values, layout, options, pass.rows(out),
                        pass.threads);
  });
  return out;
}

}  // namespace quatrain
