/**
 * `fapi-gateway profile`: the profiles, or the table of one.
 *
 * @module
 */

import { loadProfile, profileNames } from '../config/profile.ts'
import { renderProfile } from '../config/reference.ts'
import { suggest } from '../config/suggestion.ts'
import { EXIT, type Output } from './output.ts'

/** @param name Undefined: all of them, a line each. @returns 0, or 2 if there is none of that name. */
export async function runProfile(name: string | undefined, output: Output): Promise<number> {
  if (name === undefined) {
    for (const one of profileNames()) output.print(`${one.padEnd(18)} ${loadProfile(one)?.title}`)
    return EXIT.ok
  }
  const profile = loadProfile(name)
  if (profile === undefined) {
    const near = suggest(name, profileNames())
    const hint =
      near === undefined ? `There are: ${profileNames().join(' ')}.` : `Did you mean ${near}?`
    output.error(`There is no profile "${name}". ${hint}`)
    return EXIT.usage
  }
  output.print(renderProfile(profile).trimEnd())
  return EXIT.ok
}
