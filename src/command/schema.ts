/**
 * `fapi-gateway schema`: the JSON Schema of gateway.yaml, for editors.
 *
 * @module
 */

import { renderSchema } from '../config/reference.ts'
import { EXIT, type Output } from './output.ts'

export async function runSchema(output: Output): Promise<number> {
  output.print(renderSchema().trimEnd())
  return EXIT.ok
}
