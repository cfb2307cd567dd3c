import { describe, expect, test } from 'vitest'
import { type Diagnostic, Diagnostics } from '../../src/config/diagnostic.ts'
import { exitCodeOf, renderDiagnostics } from '../../src/config/diagnostic-rendering.ts'

const LINES = ['one: 1', 'two: 2', '\tthree: 3\u001b[31m', 'four: 4']
const sources = new Map([['a.yaml', LINES]])
const text = { format: 'text', colour: false, denyWarnings: false } as const

function diagnostic(change: Partial<Diagnostic> = {}): Diagnostic {
  return {
    severity: 'error',
    id: 'unknown-key',
    message: 'the file has no setting "four"',
    position: { file: 'a.yaml', line: 4, column: 1, length: 4 },
    note: 'did you mean "for"?',
    ...change,
  }
}

describe('for people', () => {
  test('the place, two lines before it, and a caret with what helps', () => {
    expect(renderDiagnostics([diagnostic()], sources, text)).toBe(
      `a.yaml:4:1: error[unknown-key]: the file has no setting "four"
    2 | two: 2
    3 |  three: 3\ufffd[31m
    4 | four: 4
      | ^^^^ did you mean "for"?
1 error, 0 warnings. Exit 78. \`fapi-gateway explain unknown-key\` says more.
`,
    )
  })

  test('a warning alone is no reason to end, unless it is denied', () => {
    const warnings = [diagnostic({ severity: 'warning', note: undefined })]
    const said = renderDiagnostics(warnings, sources, text)
    expect(said).toContain('      | ^^^^\n0 errors, 1 warning. `fapi-gateway explain')
    expect(exitCodeOf(warnings, false)).toBe(0)
    expect(exitCodeOf(warnings, true)).toBe(78)
    expect(renderDiagnostics(warnings, sources, { ...text, denyWarnings: true })).toContain(
      'Exit 78.',
    )
  })

  test('nothing to say is said with nothing', () => {
    expect(renderDiagnostics([], sources, text)).toBe('')
    expect(exitCodeOf([], true)).toBe(0)
  })

  test('at most twenty are shown, and all are counted', () => {
    const many = Array.from({ length: 23 }, () => diagnostic())
    const said = renderDiagnostics(many, sources, text)
    expect(said.match(/error\[unknown-key\]/g)).toHaveLength(20)
    expect(said).toContain(
      'and 3 more, which are not shown; validate --format json shows all\n23 errors, 0 warnings.',
    )
  })

  test('a wide line is shown around the column', () => {
    const wide = new Map([['a.yaml', [`${'x'.repeat(500)}here${'y'.repeat(500)}`]]])
    const position = { file: 'a.yaml', line: 1, column: 501, length: 4 }
    const [, line = '', caret = ''] = renderDiagnostics(
      [diagnostic({ position })],
      wide,
      text,
    ).split('\n')
    expect(line.length).toBeLessThanOrEqual(170)
    expect(line.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1)).toBe('here')
  })

  test('colour is for terminals', () => {
    const said = renderDiagnostics([diagnostic()], sources, { ...text, colour: true })
    expect(said).toContain('\u001b[1;31merror[unknown-key]\u001b[0m')
    expect(renderDiagnostics([diagnostic()], sources, text)).not.toContain('\u001b')
  })
})

test('for programs: the same as data', () => {
  const json = renderDiagnostics([diagnostic()], sources, { ...text, format: 'json' })
  expect(JSON.parse(json)).toEqual({
    exit: 78,
    diagnostics: [
      {
        severity: 'error',
        id: 'unknown-key',
        message: 'the file has no setting "four"',
        file: 'a.yaml',
        line: 4,
        column: 1,
        length: 4,
        note: 'did you mean "for"?',
      },
    ],
  })
})

test('for GitHub: a command a line, with what would end it escaped', () => {
  const position = { file: 'a,b:c.yaml', line: 4, column: 1, length: 4 }
  const hostile = diagnostic({ position, message: '100%\n::warning::x' })
  expect(renderDiagnostics([hostile], sources, { ...text, format: 'github' })).toBe(
    '::error file=a%2Cb%3Ac.yaml,line=4,col=1,title=unknown-key::100%25%0A::warning::x (did you mean "for"?)\n',
  )
})

test('diagnostics are sorted by position, and each is said once', () => {
  const diagnostics = new Diagnostics()
  const at = (line: number, column: number) => ({ file: 'a.yaml', line, column, length: 1 })
  diagnostics.error('unknown-key', at(2, 1), 'third')
  diagnostics.warn('unknown-key', at(1, 9), 'second')
  expect(diagnostics.hasErrors).toBe(true)
  diagnostics.error('unknown-key', at(1, 2), 'first')
  diagnostics.error('unknown-key', at(2, 1), 'third')
  expect(diagnostics.sorted.map(({ message }) => message)).toEqual(['first', 'second', 'third'])
})
