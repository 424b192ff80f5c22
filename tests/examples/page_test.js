// page_test.js FOLDER CHROMIUM: opens mqtt_inspect.html in a headless Chromium for page_test.py.
//
// Each line of the standard input is a request in JSON, [NAME, ARGUMENT...], each line of the standard
// output its answer, {"value": …} or {"error": …}. NAME is one of the commands below, or a method of
// Playwright's page or of its keyboard ("keyboard.press"). playwright-core is in FOLDER.
'use strict'

const path = require('path')
const readline = require('readline')
const { chromium } = require(path.join(process.argv[2], 'node_modules', 'playwright-core'))

// ---- What runs in the page ----------------------------------------------------------------------

// Found by every function below, as globals of the page. They are kept in one object.
function makeHelpers () {
  const find = (id) => document.getElementById(id)
  const text = (element) => element.textContent
  const change = (element, type) => element.dispatchEvent(new Event(type, { bubbles: true }))

  // All rows of a list, of which not all need to exist at a time.
  function allRows (box) {
    const rows = new Map()
    const remember = () => box.querySelectorAll('[role=option]').forEach((row) => rows.set(Number(row.dataset.row), row))
    remember()
    const count = Number(box.querySelector('[role=option]')?.ariaSetSize ?? 0)
    while (rows.size < count) {
      box.scrollTop += box.clientHeight
      change(box, 'scroll')
      remember()
    }
    return [...rows.keys()].sort((a, b) => a - b).map((i) => rows.get(i))
  }

  function fields (view) {
    return allRows(view.querySelector('.fields')).map((row) => ({
      name: text(row.querySelector('.name')),
      value: text(row.querySelector('.value')),
      where: text(row.querySelector('.where')),
      bad: row.querySelector('.bad') !== null
    }))
  }

  // The bytes that exist in the document, each with the number of its field.
  function bytes (view) {
    return [...view.querySelectorAll('.byte')].map((byte) => ({
      hex: text(byte), part: Number(byte.dataset.part), bad: byte.classList.contains('bad')
    }))
  }

  function reading () {
    return {
      summary: text(find('summary')),
      fault: text(find('fault')),
      hidden: find('results').hidden,
      packets: [...find('packets').querySelectorAll('[role=option]')].map((row) => ({
        offset: Number(text(row.querySelector('.offset'))),
        type: text(row.querySelector('.type')),
        size: parseInt(text(row.querySelector('.size')).replaceAll(',', '')),
        about: text(row.querySelector('.about'))
      })),
      title: text(find('packet-title')),
      verdict: text(find('verdict')),
      clause: find('verdict').querySelector('a')?.textContent ?? null,
      bytes: bytes(find('packet')),
      fields: fields(find('packet')),
      links: [...find('results').querySelectorAll('a.section')].map((link) => link.href),
      editable: !find('edit').hidden
    }
  }

  function paste (input) {
    find('text').value = input
    change(find('text'), 'input')
  }

  function read (input) {
    paste(input)
    return reading()
  }

  function readPacket (i) {
    find('packets').querySelector(`[data-row="${i}"]`).click()
    return reading()
  }

  function written () {
    const rule = text(find('rule'))
    return { rule, hex: rule === '' ? find('written-hex').value : null, fields: rule === '' ? fields(find('written')) : [] }
  }

  // What the editor makes of a packet that is read.
  function edit (input) {
    paste(input)
    find('edit').click()
    find('tab-read').click()
    return { rule: text(find('rule')), hex: find('written-hex').value }
  }

  function fill (box, values) {
    for (const [name, value] of values) {
      const label = [...box.querySelectorAll('.control label')].find((label) => text(label) === name && label.closest('fieldset, #controls') === box)
      const input = label.control
      if (input.type === 'checkbox') input.checked = value
      else input.value = value
    }
  }

  // Adds the properties of a packet or a will, [name, values], to the box with this title.
  function addProperties (title, properties) {
    const box = [...find('controls').querySelectorAll(':scope > fieldset')]
      .find((fieldset) => text(fieldset.querySelector('legend')).startsWith(title))
    for (const [name, values] of properties) {
      const choice = box.querySelector('select')
      choice.value = [...choice.options].find((option) => option.text === name).value
      choice.nextElementSibling.click()
      const inputs = [...box.querySelectorAll('.property')].at(-1).querySelectorAll('input')
      values.forEach((value, i) => { inputs[i].value = value })
    }
  }

  // Fills the form: values are [label, value], entries are lists of them.
  function write ({ version = 4, type, values, entries, properties = [], willProperties = [] }) {
    find('written-version').value = version
    change(find('written-version'), 'change')
    find('type').value = [...find('type').options].find((option) => option.text === type).value
    change(find('type'), 'change')
    fill(find('controls'), values)
    const list = find('entries')
    list?.querySelectorAll('fieldset button').forEach((remove) => remove.click())
    for (const entry of entries) {
      find('controls').querySelector(':scope > button').click()
      fill(list.lastElementChild, entry)
    }
    addProperties('Properties', properties)
    addProperties('Will Properties', willProperties)
    change(find('form'), 'input')
    return written()
  }

  // The least contrast of text and background of what is visible.
  function contrast () {
    const channels = (colour) => colour.match(/[\d.]+/g).map(Number)
    const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0)
    function background (element) {
      for (; element !== null; element = element.parentElement) {
        const colour = channels(getComputedStyle(element).backgroundColor)
        if (colour.length === 3 || colour[3] === 1) return colour
      }
      return [255, 255, 255]
    }
    let worst = { ratio: 21 }
    for (const element of document.body.querySelectorAll('*')) {
      const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '')
      if (!hasText || element.getClientRects().length === 0) continue
      const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(background(element))]
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
      if (ratio < worst.ratio) worst = { ratio, text: text(element).slice(0, 40), name: element.className }
    }
    return worst
  }

  function drop ({ name, data }) {
    const transfer = new DataTransfer()
    transfer.items.add(new File([Uint8Array.from(data)], name))
    document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, dataTransfer: transfer }))
  }

  // Milliseconds until text is read and painted.
  async function timeToRead (input) {
    const start = performance.now()
    paste(input)
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
    return performance.now() - start
  }

  // What has the focus, and whether one can see that.
  function focused () {
    const element = document.activeElement
    const shown = element.id === 'file' ? element.parentElement : element
    const style = getComputedStyle(shown)
    return {
      name: element.id || element.value || element.ariaLabel || text(element),
      visible: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1
    }
  }

  globalThis.helpers = { read, readPacket, reading, edit, write, contrast, drop, timeToRead, focused }
}

// ---- Commands -----------------------------------------------------------------------------------

async function open () {
  const browser = await chromium.launch({
    executablePath: process.argv[3], args: ['--no-sandbox', '--disable-dev-shm-usage']
  })
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } })
  const seen = { requests: [], faults: [] }
  page.on('request', (request) => seen.requests.push(request.url()))
  page.on('console', (message) => seen.faults.push(message.text()))
  page.on('pageerror', (error) => seen.faults.push(error.stack))
  page.setDefaultTimeout(30000)
  await page.addInitScript(makeHelpers)
  return { browser, page, seen }
}

const commands = {
  // Each of the inputs, in one go.
  help: ({ page }, name, inputs) => page.evaluate(
    async ([name, inputs]) => {
      const results = []
      for (const input of inputs) results.push(await globalThis.helpers[name](input))
      return results
    }, [name, inputs]),
  seen: ({ seen }) => seen,
  file: ({ page }, name, base64) => page.setInputFiles('#file', {
    name, mimeType: 'application/octet-stream', buffer: Buffer.from(base64, 'base64')
  }),
  roles: ({ page }, selector) => page.locator(selector).ariaSnapshot(),
  evaluate: ({ page }, expression) => page.evaluate(expression)
}

async function run (session, name, values) {
  if (name in commands) return (await commands[name](session, ...values)) ?? null
  const [method, device] = name.split('.').reverse()
  await (device === undefined ? session.page : session.page[device])[method](...values)
  return null
}

async function main () {
  const session = await open()
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [name, ...values] = JSON.parse(line)
    let answer
    try {
      answer = { value: await run(session, name, values) }
    } catch (error) {
      answer = { error: error.stack }
    }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
  await session.browser.close()
}

main()
