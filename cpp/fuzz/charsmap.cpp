#include "fuzz/charsmap.h"

namespace quatrain::fuzz {
namespace {

constexpr std::uint32_t kBlock = 256;  // units: a node's children, each at the place of its byte

// The block of the node behind a byte; a new one if there is none.
std::uint32_t child(std::vector<std::uint32_t>& units, std::uint32_t block, unsigned char byte) {
  const std::uint32_t at = block + byte;
  if (units[at] == 0) {
    const auto behind = static_cast<std::uint32_t>(units.size());
    units.resize(units.size() + kBlock);
    units[at] = byte | (at ^ behind) << 10;
  }
  return at ^ units[at] >> 10;
}

void add_rule(const std::string& from, const std::string& to, std::vector<std::uint32_t>& units,
              std::string& replacements) {
  if (from.empty() || (from + to).find('\0') != std::string::npos) return;
  std::uint32_t block = 0, last = 0;
  for (const char byte : from) {
    last = block + static_cast<unsigned char>(byte);
    block = child(units, block, static_cast<unsigned char>(byte));
  }
  units[last] |= 1u << 8;
  units[block] = 1u << 31 | static_cast<std::uint32_t>(replacements.size());
  replacements += to + '\0';
}

void append(std::string& out, std::size_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

}  // namespace

std::string charsmap(Bytes& bytes) {
  std::vector<std::uint32_t> units(kBlock);
  std::string replacements(1, '\0');
  for (std::size_t left = bytes.below(8); left > 0; --left) {
    const std::string from = bytes.text(1 + bytes.below(3));
    add_rule(from, bytes.text(bytes.below(4)), units, replacements);
  }
  const std::size_t damaged = bytes.rarely() ? bytes.byte() : 0;
  for (std::size_t left = damaged; left > 0 && !bytes.empty(); --left) {
    const std::size_t at = (bytes.byte() | bytes.byte() << 8) % units.size();
    units[at] = static_cast<std::uint32_t>(bytes.number());
  }
  if (bytes.rarely()) replacements += bytes.raw(20);
  std::string out;
  append(out, 4 * units.size());
  for (const std::uint32_t unit : units) append(out, unit);
  return out + replacements;
}

}  // namespace quatrain::fuzz
