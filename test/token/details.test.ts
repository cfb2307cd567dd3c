import { describe, expect, test } from 'vitest'
import { areDetailsSufficient, type DetailsRule } from '../../src/token/details.ts'

const PATH = '/accounts/22289/balances'
const honest = {
  type: 'account_information',
  actions: ['list', 'read'],
  locations: ['https://api.bank.example'],
  datatypes: ['balances'],
  privileges: ['owner'],
  account: '22289',
  accounts: ['31820', '22289'],
}
const rule: DetailsRule = {
  type: 'account_information',
  actions: ['read'],
  locations: ['https://api.bank.example'],
  datatypes: ['balances'],
  privileges: ['owner'],
  members: { account: { path_segment: 2 }, accounts: { path_segment: 2 } },
}
const judge = (details: unknown, path = PATH) =>
  areDetailsSufficient({ authorization_details: details }, rule, path)

describe('authorization_details', () => {
  test('RFC 9396 §9: one object that grants all of it is enough [RAR-1, RAR-2]', () => {
    expect(judge([{ type: 'payment_initiation' }, honest])).toBe(true)
  })

  test.each([
    ['another type', { type: 'Account_information' }],
    ['no type', { type: undefined }],
    ['an action less', { actions: ['list'] }],
    ['no actions', { actions: undefined }],
    ['actions that are one string', { actions: 'read' }],
    ['another location', { locations: ['https://api.bank.example/'] }],
    ['another kind of data', { datatypes: ['transactions'] }],
    ['another privilege', { privileges: [] }],
    ['another account', { account: '31820' }],
    ['an account that begins so', { account: '222890' }],
    ['accounts without this one', { accounts: ['31820'] }],
    ['no account', { account: undefined }],
  ])('RFC 9396 §2: an object with %s is not [RAR-2, RAR-3]', (_title, change) => {
    expect(judge([{ ...honest, ...change }])).toBe(false)
  })

  test('RFC 9396 §9: two objects that grant a part each are not [RAR-2]', () => {
    expect(
      judge([
        { ...honest, actions: [] },
        { ...honest, accounts: [] },
      ]),
    ).toBe(false)
    const { type, account, accounts, ...lists } = honest
    const parts = [
      { type, ...lists },
      { type, account, accounts },
    ]
    expect(judge(parts)).toBe(false)
    expect(judge(parts.toReversed())).toBe(false)
  })

  test.each([
    ['absent', undefined],
    ['null', null],
    ['one object', honest],
    ['text', JSON.stringify([honest])],
    ['a list of lists', [[honest]]],
    ['more than are looked at', Array.from({ length: 101 }, () => honest)],
  ])('RFC 9396 §2: details that are %s grant nothing', (_title, details) => {
    expect(judge(details)).toBe(false)
  })

  test('a segment is compared decoded, and an empty or missing one never fits', () => {
    const path = '/accounts/a%20b'
    const details = [{ ...honest, account: 'a b', accounts: ['a b'] }]
    expect(judge(details, path)).toBe(true)
    expect(judge([{ ...honest, account: '', accounts: [''] }], '/accounts/')).toBe(false)
    expect(judge([honest], '/accounts')).toBe(false)
  })

  test('a member that every object inherits is not one of it', () => {
    const inherited = { type: 'a', members: { constructor: { path_segment: 1 } } }
    expect(areDetailsSufficient({ authorization_details: [{ type: 'a' }] }, inherited, '/x')).toBe(
      false,
    )
  })
})
