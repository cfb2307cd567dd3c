/**
 * Did you mean …?
 *
 * @module
 */

/** The candidate that a word was probably meant to be: near enough that the guess is worth reading. */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.min(3, Math.floor(word.length / 3)))
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(fold(word), fold(candidate)) }))
    .filter(({ distance }) => distance <= limit)
    .sort((one, other) => one.distance - other.distance)
  return ranked[0]?.candidate
}

/** `maxAge` and `max-age` are `max_age` to whoever comes from another program. */
function fold(word: string): string {
  return word
    .slice(0, 64)
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase()
}

/** Levenshtein's distance: insertions, deletions and substitutions. */
function editDistance(one: string, other: string): number {
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i++) {
    const current = [i]
    for (let j = 1; j <= other.length; j++) {
      const substitution = previous[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1)
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution))
    }
    previous = current
  }
  return previous[other.length]!
}
