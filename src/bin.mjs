#!/usr/bin/env node
/**
 * The command `fapi-gateway`: refuses a process it cannot be safe in, then runs `main`.
 *
 * Plain JavaScript, so that a Node too old for the program still reads this far and is told so. In a
 * clone it runs `main.ts` beside it, unbuilt; in the package and in the image, `dist/main.js`.
 *
 * @module
 */

import { existsSync } from 'node:fs'
import { refusalToStart } from './node-version.mjs'

const refusal = refusalToStart({
  version: process.versions.node,
  execArgv: process.execArgv,
  env: process.env,
})

if (refusal !== undefined) {
  console.error(`fapi-gateway: ${refusal}`)
  process.exitCode = 1
} else {
  const unbuilt = new URL('./main.ts', import.meta.url)
  const program = existsSync(unbuilt) ? unbuilt : new URL('../dist/main.js', import.meta.url)
  /** @type {{ main(argv: string[]): Promise<number> }} */
  const { main } = await import(program.href)
  process.exitCode = await main(process.argv.slice(2))
}
