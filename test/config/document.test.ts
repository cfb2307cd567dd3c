import { describe, expect, test } from 'vitest'
import { Diagnostics } from '../../src/config/diagnostic.ts'
import { parseConfigDocument } from '../../src/config/document.ts'
import { redact, substitute } from '../../src/config/substitution.ts'

const FILES: Record<string, string> = {
  '/etc/gateway/secret': 'from a file\n',
  '/run/credentials/token': 'from a credential\r\n',
}
const ports = {
  readFile: (path: string) => {
    const text = FILES[path]
    if (text === undefined) throw new Error('ENOENT')
    return text
  },
  env: { NAME: 'from the environment', EMPTY: '', CREDENTIALS_DIRECTORY: '/run/credentials' },
  now: 0,
}

function parse(text: string) {
  const diagnostics = new Diagnostics()
  const document = parseConfigDocument('/etc/gateway/gateway.yaml', text, ports, diagnostics)
  const said = diagnostics.sorted.map(
    ({ id, position: { line, column }, message }) => `${line}:${column} ${id}: ${message}`,
  )
  return { document, said }
}

describe('YAML 1.2', () => {
  test('has no booleans but true and false', () => {
    expect(parse('a: [on, off, yes, no, true, ~]\nb: 010\nc: 1.20').document.value).toEqual({
      a: ['on', 'off', 'yes', 'no', true, null],
      b: 10,
      c: 1.2,
    })
  })

  test.each([
    ['a key twice', 'a: 1\nb: 2\na: 3', ['3:1 duplicate-key: this key is there already']],
    ['a tag', 'a: !!js/function x', ['1:4 yaml-syntax: tags are not read']],
    ['a bracket that is not closed', 'a: [1', [expect.stringMatching(/^1:\d+ yaml-syntax: /)]],
    [
      'an alias to nothing',
      'a: *b',
      ['1:4 yaml-syntax: this is an alias, and there is no such anchor before'],
    ],
    ['an alias to itself', 'a: &a [*a]', [expect.stringContaining('too deep')]],
    ['a prototype', 'a: { __proto__: { b: 1 } }', ['1:6 yaml-syntax: __proto__ is not a name']],
    ['two documents', 'a: 1\n---\na: 2', [expect.stringContaining('yaml-syntax: source contains')]],
  ])('%s is refused', (_, text, expected) => {
    expect(parse(text).said).toEqual(expected)
  })

  /** Place, message and note of each fault. */
  function faults(text: string) {
    const diagnostics = new Diagnostics()
    const { lines } = parseConfigDocument('f', text, ports, diagnostics)
    const said = diagnostics.sorted.map(({ position: { line, column, length }, message, note }) => {
      return `${line}:${column} ${length} ${message}; ${note}`
    })
    return { said, lines }
  }

  test.each([
    ['[', 'a:\n  b: [::1]:8443\n  c: 1', '2:6 10 unexpected scalar at node end'],
    ['[', 'a: { b: [::1]:8443, c: 1 }', '1:9 6 missing , between flow map items'],
    ['{', 'a: {x}y', '1:4 4 unexpected scalar at node end'],
    ['*', 'a: *.example', '1:4 9 this is an alias, and there is no such anchor before'],
    ['&', 'a: &x\nb: 1', '1:1 1 this is an anchor of nothing'],
    ['!', 'a: !x y', '1:4 2 tags are not read'],
    ['%', 'a: %x', '1:4 1 plain value cannot start with directive indicator character %'],
    ['@', 'a: @x', '1:4 1 plain value cannot start with reserved character @'],
    ['`', 'a: `x', '1:4 1 plain value cannot start with reserved character `'],
  ])('a value that begins with %s needs quotes', (character, text, said) => {
    const note = `a value that begins with ${character} needs quotes`
    expect(faults(text).said).toEqual([`${said}; ${note}`])
  })

  test.each([
    ['l: { a: ${env:X}, b: 1 }\nx: 1\ny:\n  - a: b\n  - c: d\n', '1:9 8', '${env:X}'],
    ['l: { a: x${env:X:-y z}w }\nx: 1', '1:9 15', 'x${env:X:-y z}w'],
    ['l: [${file:/x}, b]\nx: 1', '1:5 10', '${file:/x}'],
  ])('a reference without quotes in a flow collection is one fault: %j', (text, place, value) => {
    expect(faults(text).said).toEqual([
      `${place} a reference between { } or [ ] needs quotes; quote it: "${value}"`,
    ])
  })

  test('of a line the first fault is said, and behind a tab none', () => {
    expect(faults('a: 1\n b: 2\nc: @\nd:\n\te: 1\n\tf: @\ng: @').said).toEqual([
      '1:4 1 nested mappings are not allowed in compact mappings; undefined',
      '3:4 1 plain value cannot start with reserved character @; a value that begins with @ needs quotes',
      '5:1 1 tabs are not allowed as indentation; indent with spaces',
    ])
  })

  test.each([
    ['token: *s3cr3t'],
    ['token: &s3cr3t'],
    ['token: !s3cr3t x'],
    ['token: @s3cr3t'],
    ['token: [s3cr3t]x'],
    ['token: [s3cr3t]'],
    ['token: s3cr3t: x'],
    ['a: { "secret": {s3cr3t}, b: c } x'],
  ])('a secret that YAML does not read as text is not shown: %s', (text) => {
    expect(JSON.stringify(faults(text))).not.toContain('s3cr3t')
  })

  test('an alias bomb is refused before it goes off [O04, O14]', () => {
    const levels = Array.from(
      { length: 9 },
      (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i}, `.repeat(9)}]`,
    )
    const { said } = parse(['l0: &l0 [x]', ...levels].join('\n'))
    expect(said).toHaveLength(1)
    expect(said[0]).toContain('too many values')
  })

  test('a file of more than 1 MiB is not read [O04]', () => {
    expect(parse(`# ${'x'.repeat(1_048_576)}`).said).toEqual([
      '1:1 yaml-syntax: the file is larger than 1 MiB',
    ])
  })
})

describe('a path leads back to the file', () => {
  const { document } = parse('routes:\n  - id: a\n    match: { paths: [/x, "/y z"] }\n')
  test.each([
    [['routes'], '1:1 6'],
    [['routes', 0, 'id'], '2:5 2'],
    [['routes', 0, 'match', 'paths', 1], '3:26 6'],
    [['routes', 0, 'nothing'], '2:5 1'],
    [['nothing'], '1:1 1'],
  ])('%j: its key', (path, expected) => {
    const { line, column, length } = document.key(path)
    expect(`${line}:${column} ${length}`).toBe(expected)
  })

  test('its value, and where there is none, the key above', () => {
    const { document } = parse('a:\n  b: "text"\n')
    expect(document.at(['a', 'b'])).toMatchObject({ line: 2, column: 6, length: 6 })
    expect(document.at(['a', 'c'])).toMatchObject({ line: 1, column: 1, length: 1 })
  })

  test('through an alias, to what it stands for', () => {
    const { document } = parse('a: &x { b: 1 }\nc: *x\n')
    expect(document.value).toEqual({ a: { b: 1 }, c: { b: 1 } })
    expect(document.at(['c', 'b'])).toMatchObject({ line: 1, column: 12 })
    expect(document.key(['c'])).toMatchObject({ line: 2, column: 1 })
  })
})

describe('references', () => {
  test.each([
    ['${env:NAME}', 'from the environment'],
    ['a ${env:NAME} b', 'a from the environment b'],
    ['${env:MISSING:-a default}', 'a default'],
    ['${env:EMPTY:-a default}', 'a default'],
    ['${env:MISSING:-}', ''],
    ['${file:secret}', 'from a file'],
    ['${file:/etc/gateway/secret}', 'from a file'],
    ['${cred:token}', 'from a credential'],
    ['$${env:NAME}', '${env:NAME}'],
    ['$5 and {braces}', '$5 and {braces}'],
  ])('%s is %j', (text, expected) => {
    expect(substitute(text, '/etc/gateway/gateway.yaml', ports)).toMatchObject({
      text: expected,
      faults: [],
    })
  })

  test.each([
    ['${env:MISSING}', 'missing-secret', 'the environment variable MISSING is not set'],
    ['${env:constructor}', 'missing-secret', 'the environment variable constructor is not set'],
    ['${env:A-B}', 'invalid-value', 'an environment variable has a name such as DATABASE_URL'],
    ['${file:missing}', 'missing-secret', 'the file missing cannot be read'],
    ['${cred:missing}', 'missing-secret', 'the file missing cannot be read'],
    ['${cred:../secret}', 'invalid-value', 'a credential is called by its name, without a path'],
    ['${cred:..}', 'invalid-value', 'a credential is called by its name, without a path'],
    ['${NAME}', 'invalid-value', expect.stringContaining('${NAME} is no reference')],
    ['${}', 'invalid-value', expect.stringContaining('${} is no reference')],
  ])('%s: %s', (text, id, message) => {
    const { faults } = substitute(text, '/etc/gateway/gateway.yaml', ports)
    expect(faults).toEqual([{ id, message, reference: text }])
  })

  test('are replaced in values, where the fault is pointed at, and never in keys', () => {
    const { document, said } = parse('"${env:NAME}": x\na: "b ${env:MISSING}"\n')
    expect(said).toEqual(['2:7 missing-secret: the environment variable MISSING is not set'])
    expect(Object.keys(document.value as object)).toContain('${env:NAME}')
  })

  test('cannot change what the file says', () => {
    const hostile = { ...ports, env: { NAME: 'x\nadmin: { address: 0.0.0.0:1 }' } }
    const diagnostics = new Diagnostics()
    const document = parseConfigDocument('f', 'a: ${env:NAME}', hostile, diagnostics)
    expect(document.value).toEqual({ a: 'x\nadmin: { address: 0.0.0.0:1 }' })
  })

  test('what they brought in is written as they were, in any case', () => {
    const { secrets } = substitute('${env:NAME}', 'f', ports)
    expect(redact('it came FROM the environment.', secrets)).toBe('it came ${env:NAME}.')
    expect(redact('a.b', [{ value: '....', reference: 'r' }])).toBe('a.b')
  })
})
