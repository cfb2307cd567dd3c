/**
 * The rules of the house that a program can check, each a pure function from source files to faults.
 *
 * They read text and not a syntax tree: the formatter fixes the form of what they look for, and a rule
 * that fits in three lines is one that a reader will believe.
 *
 * @module
 */

import { posix } from 'node:path'

export interface SourceFile {
  /** Path below `src` or below `test`, with forward slashes. */
  readonly name: string
  readonly text: string
}

export type Rule = (files: readonly SourceFile[]) => string[]

/** Bottom to top. A folder may import from the lines above its own, and from itself. */
const LAYERS: readonly (readonly string[])[] = [
  ['failure', 'encoding'],
  ['http', 'jose', 'policy', 'x509'],
  ['token'],
  ['sender-constraint'],
  ['check'],
  ['config', 'telemetry'],
  ['gateway'],
  ['adapter'],
  ['command', 'demo'],
  ['.'],
]

/** Which folders may import a package. What is not listed has no home and may not be imported. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  zod: ['policy', 'check', 'config'],
  yaml: ['config'],
  '@prometheus-io/client': ['telemetry'],
  pino: ['telemetry'],
  undici: ['adapter', 'demo'],
  'lru-cache': ['adapter'],
  jose: ['adapter', 'demo'],
  commander: ['command', '.'],
  'oidc-provider': ['demo'],
  oauth4webapi: ['demo'],
  '@peculiar/x509': ['demo'],
  'reflect-metadata': ['demo'],
}

const LONGEST_FILE = 300

export const pointsDownwards: Rule = (files) =>
  files.flatMap(({ name, text }) => {
    const from = folderOf(name)
    if (rank(from) < 0) return [`${name}: a folder without a layer`]
    return imports(text)
      .filter((target) => target.startsWith('.'))
      .map((target) => ({ target, to: folderOf(posix.join(posix.dirname(name), target)) }))
      .filter(({ to }) => from !== to && !(rank(to) >= 0 && rank(to) < rank(from)))
      .map(({ target }) => `${name} imports upwards or sideways: ${target}`)
  })

/** Up to `check` there is no network, no disk, no clock and no log: only what is handed over. */
export const isPure: Rule = (files) =>
  files.filter(belowConfig).flatMap(({ name, text }) => {
    const outside = [
      ...imports(text).filter((it) => it.startsWith('node:') && !/^node:(crypto|buffer)$/.test(it)),
      ...bare(text).matchAll(
        /\bDate\.now\b|\bnew Date\(\)|(?<![\w.])(?:process|performance|console)\.|(?<![\w.])(?:fetch|setTimeout|setInterval|setImmediate|require)\(/g,
      ),
    ]
    return outside.map((found) => `${name} reaches outside: ${found}`)
  })

/** A reason is what one greps for: two literals at the call, and in one place only. */
export const reasonsAreUnique: Rule = (files) => {
  const seen = new Map<string, string>()
  const faults: string[] = []
  for (const { name, text } of files) {
    if (name === 'failure/failure.ts') continue
    const calls = code(text).matchAll(/(?<![\w.])fail\(\s*(?:'\w+',\s*'([a-z][a-z0-9_]*)')?/g)
    for (const [call, reason] of calls) {
      if (reason === undefined) faults.push(`${name}: ${call}… wants two literals`)
      else if (seen.has(reason)) faults.push(`${reason} is in ${seen.get(reason)} and in ${name}`)
      else seen.set(reason, name)
    }
  }
  return faults
}

export const dependenciesAreAtHome: Rule = (files) =>
  files.flatMap(({ name, text }) =>
    imports(text)
      .filter((target) => !/^(\.|node:)/.test(target))
      .map((target) => /^(?:@[^/]+\/)?[^/]+/.exec(target)?.[0] ?? target)
      .filter((dependency) => HOMES[dependency]?.includes(folderOf(name)) !== true)
      .map((dependency) => `${name} imports ${dependency}, which is not at home there`),
  )

/** What the published package imports must be installed with it; the demo runs in a clone only. */
export const dependenciesAreShipped =
  (shipped: readonly string[]): Rule =>
  (files) =>
    files
      .filter(({ name }) => folderOf(name) !== 'demo')
      .flatMap(({ name, text }) =>
        Object.keys(HOMES)
          .filter((dependency) => imports(text).includes(dependency))
          .filter((dependency) => !shipped.includes(dependency))
          .map((dependency) => `${name} imports ${dependency}, a development dependency`),
      )

export const filesAreShort: Rule = (files) =>
  files
    .map(({ name, text }) => ({ name, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > LONGEST_FILE)
    .map(({ name, lines }) => `${name} has ${lines} lines`)

export const namesAreNouns: Rule = (files) =>
  files
    .filter(
      ({ name }) =>
        !/^(?:[a-z0-9]+(?:-[a-z0-9]+)*\/)*[a-z0-9]+(?:-[a-z0-9]+)*(?:\.d)?\.ts$/.test(name) ||
        /(?:^|[/-])(?:utils?|helpers?|common|misc|base|managers?|types)(?=[/.-])/.test(name),
    )
    .map(({ name }) => `${name} is not the kebab-case name of a thing`)

export const hasNoDefaultExport: Rule = (files) =>
  matching(files, /\bexport\s+default\b|\bas\s+default\b/, 'has a default export')

export const hasNoReExport: Rule = (files) =>
  files
    .filter(({ text }) =>
      /^export\s+(?:type\s+)?(?:\*[\s\w]*|\{[^}]*\}\s*)from\b/m.test(code(text)),
    )
    .map(({ name }) => `${name} exports what is another file's`)

export const hasNoModuleState: Rule = (files) =>
  matching(files, /^(?:export\s+)?(?:let|var)\s/m, 'has a variable of the module')

/** Text that the operator configured is PEM and is read as such. */
const READERS_OF_PEM: readonly string[] = [
  'config/certificate-file.ts',
  'adapter/forwarded-certificates.ts',
  'adapter/inventory.ts',
  'x509/authority.ts',
]

/** In DER of somebody else's, `new X509Certificate` looks for PEM first: one place knows, and compares. */
export const certificatesAreReadWithCare: Rule = (files) =>
  matching(
    files.filter(
      ({ name }) =>
        name !== 'x509/presented-certificate.ts' &&
        folderOf(name) !== 'demo' &&
        !READERS_OF_PEM.includes(name),
    ),
    /\bnew X509Certificate\b/,
    'reads a certificate past readPresentedCertificate',
  ).concat(
    matching(
      files.filter(({ name }) => READERS_OF_PEM.includes(name)),
      /\bnew X509Certificate\((?!(?:text|block)\))/,
      'reads as PEM what may be DER',
    ),
  )

/** Layers up to `check` are held by a test each; a file of types alone has nothing to run. */
export const isMirroredBy =
  (tests: readonly SourceFile[]): Rule =>
  (files) =>
    files
      .filter(belowConfig)
      .filter(({ text }) => /^export\s+(?:async\s+)?(?:function|const|class)\b/m.test(text))
      .map(({ name }) => name.replace(/\.ts$/, '.test.ts'))
      .filter((name) => !tests.some((test) => test.name === name))
      .map((name) => `test/${name} is missing`)

/** A clause above a line of the rules is a promise; a title of a test must begin to keep it. */
export const clausesAreTested =
  (tests: readonly SourceFile[]): Rule =>
  (files) => {
    const tested = new Set(tests.flatMap(({ text }) => clauses(code(text))))
    return files
      .filter(({ name }) =>
        ['check', 'token', 'sender-constraint', 'jose', 'http', 'x509'].includes(folderOf(name)),
      )
      .flatMap(({ name, text }) =>
        (text.match(/^\s*\/\/.*$/gm) ?? [])
          .flatMap(clauses)
          .filter((clause) => !tested.has(clause))
          .map((clause) => `${clause}, cited in ${name}, is in no title of a test`),
      )
  }

/**
 * `RFC 9449 §4.3 (9)` gives the section and the item, `RFC 9449 §4.3` the section alone; so whoever
 * tests an item tests its section, but not the other way round.
 */
function clauses(text: string): string[] {
  return [...text.matchAll(/\bRFC (\d+) §([A-Z]?\d*(?:\.\d+)*)(?: \((\w+)\))?/g)].flatMap(
    ([, rfc, section, item]) => [
      `RFC ${rfc} §${section}`,
      ...(item === undefined ? [] : [`RFC ${rfc} §${section} (${item})`]),
    ],
  )
}

function matching(files: readonly SourceFile[], pattern: RegExp, fault: string): string[] {
  return files.filter(({ text }) => pattern.test(bare(text))).map(({ name }) => `${name} ${fault}`)
}

function imports(text: string): string[] {
  const specifiers = /\b(?:from|import)\s*\(?\s*(['"])([^'"\n]+)\1/g
  return [...code(text).matchAll(specifiers)].map(([, , target]) => target ?? '')
}

function belowConfig({ name }: SourceFile): boolean {
  return rank(folderOf(name)) < rank('config')
}

function folderOf(name: string): string {
  return name.includes('/') ? (name.split('/')[0] ?? '.') : '.'
}

function rank(folder: string): number {
  return LAYERS.findIndex((layer) => layer.includes(folder))
}

const COMMENT_OR_STRING =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g

/** The text without its comments. */
function code(text: string): string {
  return text.replace(COMMENT_OR_STRING, (token) => (token.startsWith('/') ? ' ' : token))
}

/** The text without its comments and without what its strings say, but with what they interpolate. */
function bare(text: string): string {
  return text.replace(COMMENT_OR_STRING, (token) => {
    if (token.startsWith('/')) return ' '
    return `'${token.startsWith('`') ? (token.match(/\$\{[^}]*\}/g) ?? []).join('') : ''}'`
  })
}
