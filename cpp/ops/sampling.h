// Choosing the next token. python/quatrain/tasks/sampling.py is the specification, in NumPy.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace quatrain {

struct SamplingOptions {
  double temperature = 1.0;  // 0: the largest logit, the lowest id of equal ones
  std::ptrdiff_t top_k = 0;  // only the k largest; 0: all
  double top_p = 1.0;        // only the fewest whose probabilities reach p
  double min_p = 0.0;        // only those at least p times as likely as the likeliest
  double repetition_penalty = 1.0;
  double presence_penalty = 0.0, frequency_penalty = 0.0;
};

// A weight e^0 as a whole number: sums of whole numbers are the same in any order.
inline constexpr std::int64_t kLikeliest = std::int64_t{1} << 42;

// A random number in [0, 1) for each step of a seed (its low and high half): the first 53 bits of
// Philox 4x64-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011).
double uniform(std::array<std::uint64_t, 2> seed, std::uint64_t step);

struct Likelihood {
  std::int64_t id;
  double logprob;
};

struct Candidate {
  std::uint64_t rank;  // ascending: the larger logit first, then the lower id
  std::int64_t weight;
};

// One text's sampler: it knows which tokens were read and written. Nothing is sorted but the
// surroundings of the token that is chosen: expected time is linear, whatever the logits are.
class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options);

  // Tokens of the prompt: the repetition penalty is for them as well.
  void read(const std::int64_t* ids, std::ptrdiff_t count);
  // A new token: all penalties are for it from now on.
  void wrote(std::int64_t id);

  // The next token's id; `uniform` is a random number in [0, 1). Fewer than 2^21 logits, the
  // largest of them finite; NaN is an InputError.
  std::int64_t choose(const float* logits, std::ptrdiff_t count, double uniform);

  // The natural log probability of `id`, and after it those of the `top` likeliest tokens, by the
  // logits as they are: without temperature and penalties. Logits and errors are those of choose().
  std::vector<Likelihood> likelihoods(const float* logits, std::ptrdiff_t count, std::int64_t id,
                                      std::ptrdiff_t top);

 private:
  const float* penalised(const float* logits, std::ptrdiff_t count);
  void find_top(std::ptrdiff_t count);
  std::int64_t first_of_top() const;
  float block_maximum(std::size_t count);
  void gather(float lowest);
  void gather_weight(std::int64_t wanted);
  void keep_likeliest(std::ptrdiff_t count);
  std::size_t shortest(std::int64_t wanted);
  std::int64_t weight() const;

  SamplingOptions options_;
  std::unordered_map<std::int64_t, std::int64_t> seen_;  // id -> how often it was written

  // Of the logits at hand; kept from token to token, so that nothing is allocated.
  const float* logits_ = nullptr;
  std::ptrdiff_t count_ = 0;
  float top_ = 0.0f;
  double factor_ = 1.0;  // 1 / temperature
  std::vector<float> penalised_, maxima_, some_maxima_, values_;
  std::vector<std::int64_t> weights_;
  std::vector<Candidate> candidates_;
};

}  // namespace quatrain
