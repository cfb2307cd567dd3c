import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { INTERACTION_ID, interactionId } from '../../src/http/interaction-id.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const SENT = 'c770AEF3-6784-41f7-8E0e-FF5f97bddb3A'

describe('interactionId', () => {
  test('FAPI 1.0 Baseline §6.2.1-11: the id of the client is kept, byte for byte', () => {
    expect(interactionId(['Accept', '*/*', 'X-FAPI-Interaction-ID', SENT])).toBe(SENT)
  })

  test('FAPI 1.0 Baseline §6.2.1-11: where the client sent none, one is made: another each time', () => {
    const [one, other] = [interactionId([]), interactionId([])]
    expect(one).toMatch(UUID)
    expect(other).toMatch(UUID)
    expect(other).not.toBe(one)
  })

  test.each([
    ['empty', ''],
    ['a word', 'hello'],
    ['without hyphens', SENT.replaceAll('-', '')],
    ['in braces', `{${SENT}}`],
    ['one digit short', SENT.slice(1)],
    ['one digit long', `${SENT}0`],
    ['with a line feed after it', `${SENT}\n`],
    ['with a letter beyond hexadecimal', SENT.replace('c', 'g')],
    ['two in one line', `${SENT}, ${SENT}`],
  ])('FAPI 1.0 Baseline §6.2.2-5: what is no UUID is replaced (%s)', (_title, sent) => {
    expect(interactionId([INTERACTION_ID, sent])).toMatch(UUID)
  })

  test('RFC 9110 §5.3: of two neither is taken', () => {
    const id = interactionId([INTERACTION_ID, SENT, INTERACTION_ID, SENT])
    expect(id).not.toBe(SENT)
    expect(id).toMatch(UUID)
  })

  test('whatever is sent, the id has the characters of a UUID and no others', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (sent) => {
        expect(interactionId([INTERACTION_ID, sent])).toMatch(/^[0-9a-fA-F-]{36}$/)
      }),
    )
  })
})
