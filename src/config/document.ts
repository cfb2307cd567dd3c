/**
 * A YAML 1.2 file: its values, and where each of them stands.
 *
 * The values are built here and not by the library, because everything that is said about one later has
 * to lead back to its place, through aliases too.
 *
 * @module
 */

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
} from 'yaml'
import type { Position } from './configuration.ts'
import type { Diagnostics } from './diagnostic.ts'
import { blot, hasSecret } from './secret-setting.ts'
import { type LoadPorts, type Secret, substitute } from './substitution.ts'
import { quotesNeeded, selectFaults } from './yaml-fault.ts'

export type Path = readonly (string | number)[]

/** No configuration is larger; what is, is a mistake or an attack. */
const MAX_CHARACTERS = 1_048_576
const MAX_DEPTH = 32
/** Values, counted where aliases have been followed: an alias bomb is small only in the file. */
const MAX_VALUES = 100_000

interface Entry {
  readonly key: Range | undefined
  readonly value: Range
  /** As the file has it, for values that are text. */
  readonly source: string
}

type Range = readonly [start: number, end: number]

interface Content {
  readonly value: unknown
  readonly shownValue: unknown
  readonly entries: ReadonlyMap<string, Entry>
  readonly secrets: readonly Secret[]
}

const NOTHING: Content = {
  value: undefined,
  shownValue: undefined,
  entries: new Map(),
  secrets: [],
}

/**
 * A file as it was read: values by their paths, and for each where it stands and what may be shown of it.
 * It judges nothing; what it holds may be of any shape.
 */
export class ConfigDocument {
  readonly file: string
  /** The lines of the file, with secrets blotted out. */
  readonly lines: readonly string[]
  /** Plain data, with references replaced. Undefined: empty, or not to be read. */
  readonly value: unknown
  /** The same before references were replaced; secrets that stand in the file itself are in it. */
  readonly shownValue: unknown
  /** What references brought in. */
  readonly secrets: readonly Secret[]
  readonly #entries: ReadonlyMap<string, Entry>
  readonly #counter: LineCounter

  constructor(file: string, lines: readonly string[], content: Content, counter: LineCounter) {
    this.file = file
    this.lines = lines
    this.value = content.value
    this.shownValue = content.shownValue
    this.secrets = content.secrets
    this.#entries = content.entries
    this.#counter = counter
  }

  /** Where a value stands; where there is none, what it would have stood in. */
  at(path: Path): Position {
    const entry = this.#entries.get(keyOf(path))
    if (entry !== undefined) return positionOf(this.file, this.#counter, entry.value)
    return path.length === 0 ? start(this.file) : this.key(path.slice(0, -1))
  }

  /** Where a value's key stands; of an element of a list, its first key or itself. */
  key(path: Path): Position {
    const entry = this.#entries.get(keyOf(path))
    if (entry === undefined) {
      return path.length === 0 ? start(this.file) : this.key(path.slice(0, -1))
    }
    return positionOf(this.file, this.#counter, entry.key ?? entry.value)
  }

  has(path: Path): boolean {
    return this.#entries.has(keyOf(path))
  }

  /** A value as it may be shown: as the file has it, and a secret that the file has not at all. */
  show(path: Path): string {
    const source = this.#entries.get(keyOf(path))?.source ?? ''
    return hasSecret(source, path) ? '(secret)' : source
  }
}

/** Reads a file's text. Faults of the YAML itself become diagnostics, and the value is undefined. */
export function parseConfigDocument(
  file: string,
  text: string,
  ports: LoadPorts,
  diagnostics: Diagnostics,
): ConfigDocument {
  if (text.length > MAX_CHARACTERS) {
    diagnostics.error('yaml-syntax', start(file), 'the file is larger than 1 MiB')
    return new ConfigDocument(file, [], NOTHING, new LineCounter())
  }
  const counter = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: counter,
    version: '1.2',
    schema: 'core',
    uniqueKeys: true,
    stringKeys: true,
    merge: false,
    prettyErrors: false,
    logLevel: 'error',
  })
  const found = [...document.errors, ...document.warnings]
  const lineOf = (offset: number) => counter.linePos(offset).line
  for (const { id, range, message, note } of selectFaults(found, text, lineOf)) {
    diagnostics.error(id, positionOf(file, counter, range), message, note)
  }
  const faulty = found.length > 0
  const reader = new Reader(file, document, counter, ports, diagnostics)
  const content = faulty ? NOTHING : reader.read()
  return new ConfigDocument(file, blot(text, document), content, counter)
}

/** Walks the nodes once; aliases are followed, and what they lead to is counted. */
class Reader {
  readonly #entries = new Map<string, Entry>()
  readonly #secrets: Secret[] = []
  readonly #file: string
  readonly #document: Document.Parsed
  readonly #counter: LineCounter
  readonly #ports: LoadPorts
  readonly #diagnostics: Diagnostics
  #values = 0

  constructor(
    file: string,
    document: Document.Parsed,
    counter: LineCounter,
    ports: LoadPorts,
    diagnostics: Diagnostics,
  ) {
    this.#file = file
    this.#document = document
    this.#counter = counter
    this.#ports = ports
    this.#diagnostics = diagnostics
  }

  read(): Content {
    const { contents } = this.#document
    const [value, shownValue] = contents === null ? [] : this.#node(contents, [], undefined)
    return { value, shownValue, entries: this.#entries, secrets: this.#secrets }
  }

  #node(node: Node | null, path: Path, key: Range | undefined): [unknown, unknown] {
    const range: Range = node?.range == null ? (key ?? [0, 1]) : [node.range[0], node.range[1]]
    this.#values += 1
    if (this.#values > MAX_VALUES || path.length > MAX_DEPTH) {
      if (this.#values !== Number.POSITIVE_INFINITY) {
        this.#fault(range, 'too many values, or too deep: are there aliases of aliases?')
      }
      this.#values = Number.POSITIVE_INFINITY
      return [undefined, undefined]
    }
    if (isAlias(node)) {
      const target = node.resolve(this.#document)
      if (target === undefined) {
        this.#fault(
          range,
          'this is an alias, and there is no such anchor before',
          quotesNeeded('*'),
        )
      }
      return target === undefined ? [undefined, undefined] : this.#node(target, path, key ?? range)
    }
    if (isScalar(node) && node.anchor !== undefined && node.source === '' && node.value === null) {
      this.#fault(key ?? range, 'this is an anchor of nothing', quotesNeeded('&'))
    }
    if (isScalar(node)) return this.#scalar(node, path, key, range)

    this.#entries.set(keyOf(path), { key, value: range, source: '' })
    if (isSeq(node)) {
      const pairs = node.items.map((item, index) => {
        return this.#node(item as Node | null, [...path, index], undefined)
      })
      return [pairs.map(([value]) => value), pairs.map(([, shown]) => shown)]
    }
    if (isMap(node)) return this.#map(node.items as Items, path)
    return [undefined, undefined]
  }

  #map(items: Items, path: Path): [unknown, unknown] {
    const value: Record<string, unknown> = {}
    const shown: Record<string, unknown> = {}
    for (const item of items) {
      const name = String(item.key.value)
      const keyRange: Range = [item.key.range?.[0] ?? 0, item.key.range?.[1] ?? 0]
      // An object would take it for its prototype and not for a key.
      if (name === '__proto__') {
        this.#fault(keyRange, '__proto__ is not a name')
        continue
      }
      const [inner, innerShown] = this.#node(item.value, [...path, name], keyRange)
      value[name] = inner
      shown[name] = innerShown
    }
    return [value, shown]
  }

  #scalar(node: Scalar, path: Path, key: Range | undefined, range: Range): [unknown, unknown] {
    const { value } = node
    const text = typeof value === 'string' ? value : (node.source ?? String(value))
    if (typeof value !== 'string') {
      this.#entries.set(keyOf(path), { key, value: range, source: text })
      return [value, value]
    }
    const replaced = substitute(value, this.#file, this.#ports)
    this.#secrets.push(...replaced.secrets)
    this.#entries.set(keyOf(path), { key, value: range, source: text })
    for (const { id, message, reference } of replaced.faults) {
      const at = positionOf(this.#file, this.#counter, range)
      const offset = value.indexOf(reference) + (node.type === 'PLAIN' ? 0 : 1)
      const within = { ...at, column: at.column + offset, length: reference.length }
      this.#diagnostics.error(id, offset < at.length ? within : at, message)
    }
    // What could not be replaced was said; what it would have been is not judged any further.
    if (replaced.faults.length > 0) {
      this.#diagnostics.silence(positionOf(this.#file, this.#counter, range))
    }
    return [replaced.faults.length > 0 ? value : replaced.text, value]
  }

  #fault(range: Range, message: string, note?: string): void {
    const position = positionOf(this.#file, this.#counter, range)
    this.#diagnostics.error('yaml-syntax', position, message, note)
  }
}

type Items = readonly { readonly key: Scalar; readonly value: Node | null }[]

function positionOf(file: string, counter: LineCounter, [from, to]: Range): Position {
  const { line, col } = counter.linePos(from)
  const end = counter.linePos(Math.max(to, from + 1))
  // A caret line has one line above it: what goes on after it is not underlined.
  const length = end.line === line ? Math.max(1, end.col - col) : 1
  return { file, line, column: col, length }
}

function start(file: string): Position {
  return { file, line: 1, column: 1, length: 1 }
}

function keyOf(path: Path): string {
  return JSON.stringify(path)
}
