/**
 * Clauses, as the OpenID conformance suite identifies them and as people cite them.
 *
 * @module
 */

const DOCUMENTS: readonly (readonly [prefix: string, title: string])[] = [
  ['FAPI2-SP-FINAL-', 'FAPI 2.0 Security Profile '],
  ['FAPI1-ADV-', 'FAPI 1.0 Advanced '],
  ['FAPI1-BASE-', 'FAPI 1.0 Baseline '],
]

/** `FAPI2-SP-FINAL-5.4.1` is `FAPI 2.0 Security Profile 5.4.1`; other clauses are as they are. */
export function citation(clause: string): string {
  return DOCUMENTS.reduce((text, [prefix, title]) => text.replace(prefix, title), clause)
}
