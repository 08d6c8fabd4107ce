'use strict'
// Bring htmx to our controls, and keep the host's settings for its own from them.
// Without this script, and where htmx does not come, they are plain links and forms.
{
const started = Symbol.for('apitokens-requests')
if (!window[started]) {
window[started] = true

// A form or an image with the name of a property takes its place on the document.
const own = name => Reflect.get(Document.prototype, name, document)
const all = (css, at) => at ? at.querySelectorAll(css) : Document.prototype.querySelectorAll.call(document, css)
const $ = css => all(css)[0]
const on = (types, act, at = window) => types.split(' ')
	.forEach(type => EventTarget.prototype.addEventListener.call(at, type, act, true))

const {nonce, dataset: {apitokensHtmx: mode, apitokensHtmxSrc: src}} = own('currentScript')
const roots = new WeakSet() // not an attribute: a copy of the DOM would have it
const MARK = 'Apitokens-Fragment'
const INHERITED = 'vals headers include config confirm validate encoding sync method'
	+ ' trigger indicator disable select select-oob push-url replace-url targets preload pending'
let waiting = true, asked = false

// An element with the id "htmx" is no htmx.
const htmx = () => typeof window.htmx?.process === 'function' ? window.htmx : undefined

function put(name) {
	const panel = name === 'signed-out' ? '#at-dialog' : '#at-toasts'
	$(panel).append($(`[data-apitokens-${name}]`).content.cloneNode(true))
}

// In htmx 1 and 2 these climb past hx-disinherit.
function shieldFrom2(root) {
	for (const name of ['vals', 'vars', 'headers']) root.setAttribute('hx-' + name, 'unset')
	root.setAttribute('hx-request', '{"noHeaders":false,"credentials":false,"timeout":0}')
	const names = []
	for (let el = root.parentElement; el; el = el.parentElement) {
		for (const name of ['hx-ext', 'data-hx-ext']) names.push(...(el.getAttribute(name) ?? '').split(','))
	}
	root.setAttribute('hx-ext', names.map(name => name.trim()).filter(name => name && !name.startsWith('ignore:'))
		.map(name => 'ignore:' + name).join())
}

// In htmx 4 the nearest value counts, also an empty one; with ":inherited", unless all are inherited.
function shieldFrom4(root, sign = ':') {
	for (const name of INHERITED.split(' ')) {
		for (const each of [name, name + sign + 'inherited']) root.setAttribute('hx-' + each, '')
	}
	// By its plain name it would make the root a control.
	root.setAttribute(`hx-action${sign}inherited`, '')
	root.setAttribute(`hx-boost${sign}inherited`, 'false')
}

function shield(root) {
	if (!htmx()) return
	const {version, config} = htmx()
	if (/^[12]/.test(version)) shieldFrom2(root)
	else shieldFrom4(root, config.metaCharacter)
}

// Show the button of a form whose changes no htmx sends.
function offer(root) {
	const off = htmx()?.config.disableSelector ?? '[hx-ignore], [data-hx-ignore]'
	const sends = waiting || htmx() && !root.closest(off)
	for (const el of all('[data-apitokens-apply]', root)) {
		const form = el.closest('form')
		el.hidden = !!sends && (form.matches('[hx-get]') || !!all('[hx-get]', form)[0])
	}
}

function process(root) {
	shield(root)
	htmx().process(root)
}

function load() {
	const end = ok => {
		if (ok && htmx()) {
			Object.assign(htmx().config, {allowEval: false, allowScriptTags: false, historyCacheSize: 0})
			all('[data-apitokens]').forEach(process)
		}
		waiting = false
		all('[data-apitokens]').forEach(offer)
	}
	const script = Document.prototype.createElement.call(document, 'script')
	own('head').append(Object.assign(script, {nonce, src, onload: () => end(true), onerror: () => end(false)}))
}

function start(event) {
	for (const root of all('[data-apitokens]')) {
		// Before the host's htmx reads it.
		if (!roots.has(root)) shield(root)
		if (!roots.has(root) && (event || own('readyState') === 'complete')) {
			roots.add(root)
			root.dataset.apitokensReady = ''
			if (htmx()) process(root)
			else if (/^[ab]/.test(mode) && !asked) {
				asked = true
				load()
			}
			waiting &&= asked && !htmx()
		}
		offer(root)
	}
}

const ours = detail => {
	const el = detail.ctx?.sourceElement ?? detail.elt ?? detail.requestConfig?.elt
	return el?.closest?.('[data-apitokens]') ?? detail.target?.closest?.('[data-apitokens]')
}

// The host may route an answer by its status: to another place, or nowhere.
on('htmx:beforeOnLoad', ({detail}) => {
	if (ours(detail)) Object.defineProperty(detail.xhr, 'status', {value: 0, configurable: true})
})

on('htmx:before:response', ({detail: {ctx}}) => {
	if (!ours({ctx}) || !ctx.response.headers.get(MARK)) return
	ctx.response.raw = {status: 0, headers: ctx.response.headers}
})

on('htmx:beforeSwap htmx:before:swap htmx:sendError htmx:timeout htmx:error', event => {
	const {detail, type} = event, {ctx, xhr} = detail
	// htmx 4 tells the names of htmx 2 besides, if the host asks for them.
	if (ctx && type === 'htmx:beforeSwap') return
	if (xhr) delete xhr.status
	const answer = ctx ? ctx.response : xhr
	if (!(ours(detail) ?? event.target.closest?.('[data-apitokens]'))) return
	const sent = /post/i.test(ctx?.request.method ?? detail.requestConfig?.verb) ? '-sent' : ''
	if (!answer?.status) return put('offline' + sent)
	if (ctx && answer.headers.get(MARK)) return
	if (xhr?.getResponseHeader(MARK)) {
		const target = xhr.getResponseHeader('HX-Retarget')
		Object.assign(detail, {
			shouldSwap: true,
			isError: false,
			target: target ? $(target) : detail.requestConfig.target,
			swapOverride: xhr.getResponseHeader('HX-Reswap') ?? undefined,
			selectOverride: undefined,
		})
	} else {
		event.preventDefault()
		put(answer.status < 400 || answer.status === 401 ? 'signed-out' : 'failed' + sent)
	}
})

// A click that opens a tab is the browser's.
on('click', event => {
	const {ctrlKey, metaKey, shiftKey, altKey, button, target} = event
	if (!(ctrlKey || metaKey || shiftKey || altKey || button)) return
	if (target.closest?.('[data-apitokens] a[href]')) event.stopPropagation()
})

start()
new MutationObserver(() => start()).observe(document, {childList: true, subtree: true})
on('DOMContentLoaded load', start)
}
}
