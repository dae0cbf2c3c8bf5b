// What a program does with the official JavaScript SDK, from a template of its own to a sandbox's end.
//
// It knows of the platform what the environment says (E2B_…). It ends with a word on stdout, or as an assertion fails.
'use strict'

const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { CommandExitError, FileNotFoundError, FileType, Sandbox, SandboxNotFoundError, Template } = require('e2b')

const NAME = 'sdk-node'

// A template with files of this machine in it; built twice, the second time without sending them again.
async function build() {
  const context = fs.mkdtempSync(path.join(os.tmpdir(), 'sdk-node-'))
  try {
    fs.mkdirSync(path.join(context, 'app/conf'), { recursive: true })
    fs.writeFileSync(path.join(context, 'app/main.sh'), 'echo from the template: $GREETING\n')
    fs.writeFileSync(path.join(context, 'app/conf/name'), 'node\n')
    // what was sent once is not sent again, by no run
    fs.writeFileSync(path.join(context, 'app/run'), crypto.randomUUID())
    const template = Template({ fileContextPath: context })
      .fromImage('debian:12')
      .setEnvs({ GREETING: 'hello' })
      .copy('app', '/opt/app', { mode: 0o755 })
      .runCmd('cat /opt/app/conf/name > /opt/built-by', { user: 'root' })
    for (const sent of ["Uploaded 'app'", "Skipping upload of 'app', already cached"]) {
      const said = []
      await Template.build(template, NAME, { cpuCount: 1, memoryMB: 512, onBuildLogs: (entry) => said.push(entry.message) })
      assert.ok(said.some((line) => line.includes(sent)), `${sent}: ${said.join('\n')}`)
    }
  } finally {
    fs.rmSync(context, { recursive: true })
  }
}

async function commands(sandbox) {
  const heard = []
  const result = await sandbox.commands.run('for i in 1 2 3; do echo line $i; sleep 0.2; done; echo oops >&2; echo $OWN in $PWD', {
    onStdout: (piece) => heard.push(piece),
    onStderr: (piece) => heard.push(piece),
    envs: { OWN: 'mine' },
    cwd: '/tmp',
  })
  assert.equal(result.stdout, 'line 1\nline 2\nline 3\nmine in /tmp\n')
  assert.ok(heard.includes('oops\n') && heard.length >= 4, heard.join('|'))
  await assert.rejects(sandbox.commands.run('exit 7'), (error) => error instanceof CommandExitError && error.exitCode === 7)
  const built = await sandbox.commands.run('sh /opt/app/main.sh; cat /opt/built-by')
  assert.equal(built.stdout, 'from the template: hello\nnode\n')

  const reader = await sandbox.commands.run('read line; echo got $line', { background: true, stdin: true })
  await sandbox.commands.sendStdin(reader.pid, 'over stdin\n')
  assert.equal((await reader.wait()).stdout, 'got over stdin\n')
  const sleep = await sandbox.commands.run('sleep 100', { background: true })
  assert.ok((await sandbox.commands.list()).some((one) => one.pid === sleep.pid))
  assert.ok(await sandbox.commands.kill(sleep.pid))
}

async function files(sandbox) {
  const text = 'über\n'.repeat(1000)
  assert.equal((await sandbox.files.write('/tmp/sdk/a.txt', text)).path, '/tmp/sdk/a.txt')
  assert.equal(await sandbox.files.read('/tmp/sdk/a.txt'), text)
  assert.ok(await sandbox.files.makeDir('/tmp/sdk/sub'))
  await sandbox.files.write([{ path: '/tmp/sdk/sub/b', data: 'b' }, { path: '/tmp/sdk/c', data: 'c' }])
  const names = (await sandbox.files.list('/tmp/sdk')).map((entry) => entry.name)
  assert.deepEqual(names.sort(), ['a.txt', 'c', 'sub'])
  const info = await sandbox.files.getInfo('/tmp/sdk/a.txt')
  assert.deepEqual([info.name, info.type, info.path], ['a.txt', FileType.FILE, '/tmp/sdk/a.txt'])
  assert.equal((await sandbox.files.rename('/tmp/sdk/c', '/tmp/sdk/d')).path, '/tmp/sdk/d')
  assert.ok((await sandbox.files.exists('/tmp/sdk/d')) && !(await sandbox.files.exists('/tmp/sdk/c')))

  const seen = new Promise((resolve) => {
    sandbox.files.watchDir('/tmp/sdk', (event) => event.name === 'seen' && resolve()).then((watch) => {
      sandbox.files.write('/tmp/sdk/seen', 'x').then(() => seen).then(() => watch.stop())
    })
  })
  await seen
  await sandbox.files.remove('/tmp/sdk/sub')
  assert.ok(!(await sandbox.files.exists('/tmp/sdk/sub/b')))
  await assert.rejects(sandbox.files.read('/tmp/sdk/none'), FileNotFoundError)
}

async function listed(query = {}) {
  const paginator = Sandbox.list({ query: { metadata: { by: NAME }, ...query }, limit: 1 })
  const found = []
  while (paginator.hasNext) found.push(...(await paginator.nextItems()))
  return found.map((info) => info.sandboxId).sort()
}

async function main() {
  await build()
  const options = { timeoutMs: 120_000, metadata: { by: NAME }, envs: { OF_ALL: 'yes' } }
  const sandbox = await Sandbox.create(NAME, options)
  try {
    const other = await Sandbox.create(NAME, options)
    assert.deepEqual(await listed(), [sandbox.sandboxId, other.sandboxId].sort())
    assert.ok(await other.kill())
    assert.deepEqual(await listed({ state: ['running'] }), [sandbox.sandboxId])
    assert.ok(await sandbox.isRunning())
    assert.equal((await sandbox.commands.run('echo $OF_ALL')).stdout, 'yes\n')
    await commands(sandbox)
    await files(sandbox)
    await sandbox.setTimeout(200_000)

    await sandbox.commands.run('echo kept > /home/user/kept')
    await sandbox.pause()
    assert.deepEqual(await listed({ state: ['paused'] }), [sandbox.sandboxId])
    const again = await Sandbox.connect(sandbox.sandboxId, { timeoutMs: 120_000 })
    assert.ok(await again.isRunning())
    assert.equal(await again.files.read('/home/user/kept'), 'kept\n')
    assert.ok(await again.kill())
    assert.ok(!(await again.isRunning()))
  } finally {
    await sandbox.kill()
  }
  assert.deepEqual(await listed(), [])
  await assert.rejects(Sandbox.connect(sandbox.sandboxId), SandboxNotFoundError)
  console.log('the JavaScript SDK is content')
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
