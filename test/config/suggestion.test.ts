import { expect, test } from 'vitest'
import { suggest } from '../../src/config/suggestion.ts'

const KEYS = ['upstream', 'public_url', 'public_urls', 'match', 'id', 'proof_max_age']

test.each([
  ['upsteam', 'upstream'],
  ['Upstream', 'upstream'],
  ['publicUrl', 'public_url'],
  ['proof-max-age', 'proof_max_age'],
  ['mach', 'match'],
])('%s may be meant to be %s', (word, meant) => {
  expect(suggest(word, KEYS)).toBe(meant)
})

test.each([['banana'], ['x'], [''], ['x'.repeat(200)]])('%j is not near to anything', (word) => {
  expect(
    suggest(
      word,
      KEYS.filter((key) => key !== 'id'),
    ),
  ).toBeUndefined()
})
