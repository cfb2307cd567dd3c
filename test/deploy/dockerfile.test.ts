/**
 * What holds of the image without building it.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const dockerfile = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8')
const instructions = dockerfile
  .replace(/^\s*#.*\n/gm, '')
  .replace(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line.trim() !== '')
const ignored = readFileSync(join(root, 'deploy/Dockerfile.dockerignore'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
const runtime = instructions.slice(
  instructions.findIndex((line) => /^FROM .* AS runtime$/.test(line)),
)
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

function argumentsOf(name: string, lines = runtime): string[] {
  return lines
    .filter((line) => line.startsWith(`${name} `))
    .map((line) => line.slice(name.length + 1))
}

/** The sources that a COPY takes from the repository, not those of another stage. */
const copied = argumentsOf('COPY', instructions)
  .filter((copy) => !copy.startsWith('--from='))
  .flatMap((copy) => copy.split(' ').slice(0, -1))

describe('the image', () => {
  test('runs as a user by number, who is not root', () => {
    expect(argumentsOf('USER')).toEqual(['65532:65532'])
  })

  test('is made from images that are arguments, to be pinned by digest, and never latest', () => {
    const from = argumentsOf('FROM', instructions)
    expect(from.length).toBeGreaterThan(1)
    for (const image of from) expect(image).toMatch(/^\$\{(BUILD|RUNTIME)_IMAGE\} AS [a-z]+$/)
    for (const name of ['BUILD_IMAGE', 'RUNTIME_IMAGE']) {
      const image = argumentsOf('ARG', instructions).find((it) => it.startsWith(`${name}=`))
      expect(image).toMatch(/:[a-z0-9.-]+$/)
      expect(image).not.toMatch(/:latest$/)
    }
    expect(argumentsOf('ARG', instructions)).toContain(
      'RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot',
    )
  })

  test('has Node as its first process, so that signals arrive', () => {
    const program = ['/nodejs/bin/node', '/app/src/bin.mjs']
    expect(argumentsOf('ENTRYPOINT').map((it) => JSON.parse(it))).toEqual([program])
    expect(argumentsOf('CMD').map((it) => JSON.parse(it))).toEqual([
      ['serve', '--config', '/etc/fapi-gateway/gateway.yaml'],
    ])
    expect(argumentsOf('STOPSIGNAL')).toEqual(['SIGTERM'])
    const [health] = argumentsOf('HEALTHCHECK')
    expect(JSON.parse(health?.split(' CMD ')[1] ?? '')).toEqual([...program, 'healthcheck'])
  })

  test('runs no shell in its last stage, which has none', () => {
    for (const command of argumentsOf('RUN'))
      expect(JSON.parse(command)[0]).toBe('/nodejs/bin/node')
  })

  test('has ports above 1024 and is in production', () => {
    expect(argumentsOf('EXPOSE')).toEqual(['8443 9901'])
    expect(argumentsOf('ENV')).toEqual(['NODE_ENV=production'])
  })

  test('holds no development dependency, and no script of a dependency ran', () => {
    const installs = argumentsOf('RUN', instructions).filter((it) => it.startsWith('npm ci'))
    expect(installs).toHaveLength(2)
    for (const install of installs) expect(install).toContain('--ignore-scripts')
    const stage = instructions.findIndex((it) => it.endsWith(' AS dependencies'))
    expect(instructions.slice(stage).find((it) => it.startsWith('RUN npm ci'))).toContain(
      '--omit=dev',
    )
    expect(runtime).toContain('COPY --from=dependencies /app/node_modules ./node_modules')
  })

  test('copies what the repository has and the ignore file lets through', () => {
    expect(copied).not.toEqual([])
    for (const path of copied) {
      expect(existsSync(join(root, path)), path).toBe(true)
      expect(ignored, path).toContain(`!${path.split('/')[0]}`)
    }
  })

  test('has the program built and not its sources beside the command, which would prefer them', () => {
    const sources = argumentsOf('COPY')
      .filter((it) => it.endsWith(' ./src/'))
      .flatMap((it) => it.split(' ').slice(0, -1))
    expect(sources).toEqual(['src/bin.mjs', 'src/node-version.mjs'])
    expect(runtime).toContain('COPY --from=build /app/dist ./dist')
  })

  test('carries the version of package.json', () => {
    expect(argumentsOf('ARG')).toContain(`VERSION=${version}`)
    expect(argumentsOf('LABEL').join()).toContain('org.opencontainers.image.licenses="Apache-2.0"')
  })
})

describe('the context of the build', () => {
  test('is a list of what is let in', () => {
    const [first, ...allowed] = ignored
    expect(first).toBe('*')
    expect(allowed.filter((line) => !line.startsWith('!'))).toEqual([])
  })

  test('lets in nothing that the image does not need', () => {
    const needed = new Set(copied.map((path) => `!${path.split('/')[0]}`))
    expect(ignored.slice(1).toSorted()).toEqual([...needed].toSorted())
  })
})
