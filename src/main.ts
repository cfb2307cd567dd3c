/**
 * The command line: verbs, their options, and the program behind each.
 *
 * @module
 */

import { resolve } from 'node:path'
import { Command, CommanderError, Option } from 'commander'
import { VERSION } from './adapter/package.ts'
import { EXIT, type Output } from './command/output.ts'
import { FORMATS, type Format } from './config/diagnostic-rendering.ts'

/** Where a configuration is looked for when nobody says where. */
const DEFAULT_FILE = 'gateway.yaml'
const DEFAULT_ADMIN = 'http://127.0.0.1:9901'

/**
 * Runs one command.
 *
 * @param argv The arguments behind the program's name.
 * @returns The exit code: 0, 1 for a failure, 2 for a wrong command line, 78 for a bad configuration.
 */
export async function main(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok
  const output: Output = {
    print: (text) => void process.stdout.write(`${text}\n`),
    error: (text) => void process.stderr.write(`${text}\n`),
    colour: process.stderr.isTTY === true && !process.env['NO_COLOR'],
  }
  const program = createProgram(output, (result) => {
    code = result
  })
  // Whoever reads no further, such as head, has what it wanted.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(code)
    throw error
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  }
  return code
}

function createProgram(output: Output, finish: (code: number) => void): Command {
  const program = new Command('fapi-gateway')
    .description('A resource-server gateway for open banking.')
    .version(VERSION, '--version', 'print the version')
    .exitOverride()
    .showHelpAfterError('Run fapi-gateway --help for the verbs and their options.')
    .showSuggestionAfterError()
  addRunning(program, output, finish)
  addReading(program, output, finish)
  return program
}

/** Verbs that run something, or ask what runs. */
function addRunning(program: Command, output: Output, finish: (code: number) => void): void {
  program
    .command('serve')
    .description('run the gateway until it is told to stop; SIGHUP reads the file again')
    .addOption(configOption())
    .action(async ({ config }: { config: string }) => {
      const { runServe } = await import('./command/serve.ts')
      finish(await runServe(config, output))
    })
  program
    .command('healthcheck')
    .description('ask a running gateway whether it is ready')
    .option('--admin <url>', 'base URL of its admin listener', DEFAULT_ADMIN)
    .action(async ({ admin }: { admin: string }) => {
      const { runHealthcheck } = await import('./command/healthcheck.ts')
      finish(await runHealthcheck(admin, output))
    })
  program
    .command('demo')
    .description('run it all on loopback: authorization server, bank, gateway, calls (in a clone)')
    .option('--once', 'end after the calls')
    .action(async ({ once }: { once?: boolean }) => {
      const { runDemo } = await import('./demo/demo.ts').catch((error) => {
        if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
        return { runDemo: undefined }
      })
      if (runDemo === undefined) {
        output.error(
          'The demo needs a clone of the repository: there, npm run demo brings its parts.',
        )
        return finish(EXIT.failed)
      }
      finish(await runDemo(resolve('.demo'), once === true, output.print))
    })
}

/** Verbs that read a configuration, or tell what the program knows. */
function addReading(program: Command, output: Output, finish: (code: number) => void): void {
  program
    .command('validate')
    .description('say everything that is wrong with a configuration; nothing is contacted')
    .argument('[files...]', 'configurations; - is the standard input', [DEFAULT_FILE])
    .addOption(new Option('--format <format>').choices([...FORMATS]).default('text'))
    .option('--deny-warnings', 'fail for warnings too')
    .action(async (files: string[], options: { format: Format; denyWarnings?: boolean }) => {
      const { runValidate } = await import('./command/validate.ts')
      const { format, denyWarnings = false } = options
      finish(await runValidate({ files, format, denyWarnings }, output))
    })
  program
    .command('explain')
    .description('explain a request (METHOD URL), an error id, a setting, or a reason from the log')
    .argument('<subject>', 'a method, an error id, a setting, or a reason')
    .argument('[url]', 'with a method: what would be called')
    .addOption(configOption())
    .action(async (subject: string, url: string | undefined, { config }: { config: string }) => {
      const { runExplain } = await import('./command/explain.ts')
      finish(await runExplain({ subject, url, config }, output))
    })
  program
    .command('profile')
    .description('list the profiles, or print the table of one')
    .argument('[name]')
    .action(async (name: string | undefined) => {
      const { runProfile } = await import('./command/profile.ts')
      finish(await runProfile(name, output))
    })
  program
    .command('schema')
    .description('print the JSON Schema of the configuration')
    .action(async () => {
      const { runSchema } = await import('./command/schema.ts')
      finish(await runSchema(output))
    })
  const reference = program
    .command('reference')
    .description('print the reference')
    .action(async ({ write }: { write?: boolean }) => {
      const { runReference } = await import('./command/reference.ts')
      finish(await runReference({ write: write === true }, output))
    })
  // In a clone alone: an installed package is not written to.
  if (import.meta.url.endsWith('.ts')) {
    reference.option('--write', 'write it, and the schema, into config/')
  }
  program
    .command('version')
    .description('print the version, and what it runs on')
    .action(() => {
      const { node, openssl } = process.versions
      output.print(`fapi-gateway ${VERSION}  Node ${node}  OpenSSL ${openssl}`)
    })
}

function configOption(): Option {
  return new Option('-c, --config <file>', 'the configuration').default(DEFAULT_FILE)
}
