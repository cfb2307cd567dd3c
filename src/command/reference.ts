/**
 * `fapi-gateway reference`: what is generated from the program, into its config folder.
 *
 * @module
 */

import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type MetricDescription,
  parseReasons,
  renderReference,
  renderSchema,
} from '../config/reference.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { EXIT, type Output } from './output.ts'

export interface ReferenceOptions {
  /** Otherwise the reference is printed. */
  readonly write: boolean
  /** Where to. */
  readonly folder?: string
}

const SOURCE = fileURLToPath(new URL('..', import.meta.url))
const CONFIG = fileURLToPath(new URL('../../config/', import.meta.url))

/** The generated files, by name. */
export function generateReference(): Readonly<Record<string, string>> {
  const files = globSync('**/*.{ts,js}', { cwd: SOURCE }).filter((file) => !file.endsWith('.d.ts'))
  const texts = files.sort().map((file) => readFileSync(join(SOURCE, file), 'utf8'))
  return {
    'gateway.schema.json': renderSchema(),
    'REFERENCE.md': renderReference(texts.flatMap(parseReasons), ownMetrics()),
  }
}

function ownMetrics(): MetricDescription[] {
  return createMetrics()
    .registry.getMetricsAsArray()
    .filter(({ name }) => name.startsWith('fapigw_'))
    .map((metric) => {
      // Every metric has them; the library's types leave them out.
      const { labelNames = [] } = metric as { labelNames?: readonly string[] }
      const { name, help, type, aggregator = 'sum' } = metric
      return { name, help, type: String(type), labels: labelNames, aggregator }
    })
}

export async function runReference(
  { write, folder = CONFIG }: ReferenceOptions,
  output: Output,
): Promise<number> {
  const generated = generateReference()
  if (!write) {
    output.print((generated['REFERENCE.md'] ?? '').trimEnd())
    return EXIT.ok
  }
  for (const [name, text] of Object.entries(generated)) {
    writeFileSync(join(folder, name), text)
    output.print(join(folder, name))
  }
  return EXIT.ok
}
