/**
 * Values of a document as their schema wants them, and what is to be said where they are not.
 *
 * @module
 */

import type { z } from 'zod'
import type { Diagnostics } from './diagnostic.ts'
import type { ConfigDocument, Path } from './document.ts'
import { suggest } from './suggestion.ts'

/** A JSON Schema, as far as it is looked at here. */
export interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: SchemaNode | boolean
  readonly items?: SchemaNode
  readonly pattern?: string
  readonly description?: string
  readonly default?: unknown
  readonly anyOf?: readonly SchemaNode[]
  readonly oneOf?: readonly SchemaNode[]
  readonly examples?: readonly unknown[]
}

type Issue = z.core.$ZodIssue

/**
 * Reads the parts of a document by their schemas. What does not hold becomes a diagnostic at its place,
 * and the part is undefined, so that everything else can still be judged.
 */
export class ConfigReader {
  readonly document: ConfigDocument
  readonly diagnostics: Diagnostics
  readonly #root: SchemaNode

  /** @param root The JSON Schema of the whole document: which keys there could be, and where. */
  constructor(document: ConfigDocument, diagnostics: Diagnostics, root: SchemaNode) {
    this.document = document
    this.diagnostics = diagnostics
    this.#root = root
  }

  /** The value at a path, parsed; undefined where something was wrong with it, and has been said. */
  read<S extends z.ZodType>(schema: S, path: Path): z.output<S> | undefined {
    const parsed = schema.safeParse(this.valueAt(path))
    if (parsed.success) return parsed.data
    this.#report(parsed.error.issues, path)
    return undefined
  }

  /** The same, and silent where the key is there in another spelling: that has been said. */
  readRequired<S extends z.ZodType>(schema: S, path: Path): z.output<S> | undefined {
    const within = path.slice(0, -1)
    const known = keysAt(this.#root, within)
    const unknown = this.keys(within).filter((key) => !known.includes(key))
    const isMisspelt =
      !this.document.has(path) && unknown.some((key) => suggest(key, known) === path.at(-1))
    return isMisspelt ? undefined : this.read(schema, path)
  }

  /** The value at a path as it was written, of whatever shape; undefined where there is none. */
  valueAt(path: Path): unknown {
    let at = this.document.value
    for (const step of path) {
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
      at = (at as Record<string | number, unknown>)[step]
    }
    return at
  }

  /** The keys of the map at a path: none where there is none. */
  keys(path: Path): string[] {
    const value = this.valueAt(path)
    return isRecord(value) ? Object.keys(value) : []
  }

  /** How many elements the list at a path has. */
  elements(path: Path): number {
    const value = this.valueAt(path)
    return Array.isArray(value) ? value.length : 0
  }

  /** Says of every key of a map that is not among the known ones that there is no such setting. */
  refuseUnknownKeys(path: Path, known: readonly string[]): void {
    for (const key of this.keys(path)) if (!known.includes(key)) this.#unknownKey(path, key, known)
  }

  #report(issues: readonly Issue[], base: Path): void {
    const flat = issues.flatMap((issue) => this.#flatten(issue, base))
    // Who misspells a required key is told once.
    const meant = new Set(flat.flatMap(({ issue, path }) => this.#meant(issue, path)))
    for (const { issue, path } of flat) {
      if (!meant.has(JSON.stringify(path))) this.#say(issue, path)
    }
  }

  /** Of a union, the issues of the form that was probably meant. */
  #flatten(issue: Issue, base: Path): { issue: Issue; path: Path }[] {
    const path = [...base, ...(issue.path as Path)]
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ issue, path }]
    const value = this.valueAt(path)
    const forms = issue.errors.filter(
      (issues) => !issues.some((one) => one.path.length === 0 && one.code === 'invalid_type'),
    )
    const fits = forms.find((issues) => issues.every(({ path }) => path.length > 0)) ?? forms[0]
    if (value === undefined || fits === undefined) return [{ issue, path }]
    return fits.flatMap((inner) => this.#flatten(inner, path))
  }

  #meant(issue: Issue, path: Path): string[] {
    if (issue.code !== 'unrecognized_keys') return []
    const known = keysAt(this.#root, path)
    return issue.keys
      .map((key) => suggest(key, known))
      .filter((key) => key !== undefined)
      .map((key) => JSON.stringify([...path, key]))
  }

  #say(issue: Issue, path: Path): void {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) this.#unknownKey(path, key, keysAt(this.#root, path))
      return
    }
    const { document, diagnostics } = this
    if (!document.has(path)) {
      const within = path.slice(0, -1)
      const message = `${nameOf(within)} has no "${String(path.at(-1))}"`
      diagnostics.error('missing-key', document.key(within), message)
      return
    }
    const options = optionsOf(issue)
    if (options?.every((option) => typeof option === 'number')) this.#notTheNumber(path, issue)
    else if (options !== undefined) this.#notAnOption(path, options)
    else if (issue.code === 'invalid_type' || issue.code === 'invalid_union') {
      this.#wrongType('expected' in issue ? KINDS[issue.expected] : undefined, path)
    } else {
      const at = issue.code === 'invalid_key' ? document.key(path) : document.at(path)
      diagnostics.error('invalid-value', at, `${nameOf(path)}: ${wish(issue)}`)
    }
  }

  #wrongType(expected: string | undefined, path: Path): void {
    const { document, diagnostics } = this
    const value = this.valueAt(path)
    const wanted = expected === undefined ? '' : `expected ${expected}, `
    const message = `${nameOf(path)}: ${wanted}found ${kindOf(value)}`
    const wantsText = expected === KINDS['string'] && typeof value === 'number'
    const hint = wantsText
      ? numberAsText(document.show(path), nodesAt(this.#root, path))
      : undefined
    diagnostics.error('wrong-type', document.at(path), message, hint)
  }

  #notAnOption(path: Path, options: readonly unknown[]): void {
    const words = options.map(String)
    const shown = this.document.show(path)
    const near = suggest(shown, words)
    const message = `${nameOf(path)}: ${shown === '' ? 'this' : shown} is not one of its values`
    const hint = near === undefined ? `one of: ${words.join(' ')}` : `did you mean "${near}"?`
    this.diagnostics.error('invalid-value', this.document.at(path), message, hint)
  }

  /** Numbers have no misspellings: what is wanted is said by the schema. */
  #notTheNumber(path: Path, { message }: Issue): void {
    const { document, diagnostics } = this
    const isText = typeof this.valueAt(path) === 'string'
    const hint = isText ? 'it is a number: without quotes' : undefined
    diagnostics.error('invalid-value', document.at(path), `${nameOf(path)}: ${message}`, hint)
  }

  #unknownKey(path: Path, key: string, known: readonly string[]): void {
    const near = suggest(key, known)
    const message = `${nameOf(path)} has no setting "${key}"`
    // Where other servers have them; here they are narrowed by policy, if at all.
    const elsewhere = /^cipher/i.test(key) ? 'cipher suites are those of the profile' : undefined
    const hint = near === undefined ? elsewhere : `did you mean "${near}"?`
    this.diagnostics.error('unknown-key', this.document.key([...path, key]), message, hint)
  }
}

function optionsOf(issue: Issue): readonly unknown[] | undefined {
  if (issue.code === 'invalid_value') return issue.values
  return 'options' in issue && Array.isArray(issue.options) ? issue.options : undefined
}

/** What an issue wants, as the part of a sentence that follows the setting's name. */
function wish(issue: Issue): string {
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? 'is no name'
  if (issue.code !== 'too_small') return issue.message
  return issue.minimum === 1 ? 'is empty' : `wants ${issue.minimum} characters or more`
}

/** A path as people write it: `routes[0].match`. */
export function nameOf(path: Path): string {
  if (path.length === 0) return 'the file'
  return path
    .map((step, index) =>
      typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`,
    )
    .join('')
}

/** The keys that a map at this path may have. */
function keysAt(root: SchemaNode, path: Path): string[] {
  const nodes = nodesAt(root, path)
  return [...new Set(nodes.flatMap(({ properties = {} }) => Object.keys(properties)))]
}

/** What a value at this path may be. */
export function nodesAt(root: SchemaNode, path: Path): readonly SchemaNode[] {
  let nodes: readonly SchemaNode[] = alternatives(root)
  for (const step of path) {
    nodes = nodes
      .map((node) => (typeof step === 'number' ? node.items : property(node, step)))
      .filter((node) => node !== undefined)
      .flatMap(alternatives)
  }
  return nodes
}

/** What somebody meant who wrote a number where text is due. */
function numberAsText(written: string, nodes: readonly SchemaNode[]): string {
  const unit = nodes
    .map(({ pattern = '' }) => /\((?:ms\||)(s|B)\|/.exec(pattern)?.[1])
    .find((it) => it)
  if (unit !== undefined) return `with its unit: ${written}${unit}`
  const example = nodes.flatMap(({ examples = [] }) => examples)[0]
  return example === undefined ? `write it in quotes: "${written}"` : `such as ${String(example)}`
}

function property(node: SchemaNode, name: string): SchemaNode | undefined {
  const { properties = {}, additionalProperties } = node
  if (Object.hasOwn(properties, name)) return properties[name]
  return typeof additionalProperties === 'object' ? additionalProperties : undefined
}

function alternatives(node: SchemaNode): readonly SchemaNode[] {
  const forms = node.anyOf ?? node.oneOf
  return forms === undefined ? [node] : forms.flatMap(alternatives)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  return KINDS[typeof value] ?? typeof value
}
