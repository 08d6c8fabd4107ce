/* All text and markup is the server's. */
'use strict'
if (!window.apitokens) {
window.apitokens = true

const {nonce, dataset: {apitokensHtmx: mode, apitokensHtmxSrc: src}} = document.currentScript
let opener

const $ = (selector, at = document) => at.querySelector(selector)
const all = selector => document.querySelectorAll(selector)
const find = (name, at) => $(`[data-apitokens-${name}]`, at)
const get = (el, name) => el.getAttribute('data-apitokens-' + name)
const top = () => $('#at-dialog dialog:last-of-type')
const boxes = (state = '') => all('[data-apitokens-select]' + state)
const on = (types, listener) => types.split(' ')
	.forEach(type => addEventListener(type, listener, true))

function put(name, text) {
	const copy = find(name).content.cloneNode(true)
	if (text) find('text', copy).textContent = text
	$(name === 'signed-out' ? '#at-dialog' : '#at-toasts').append(copy)
}

function say(el, name = 'said') {
	(find('say') || find('status')).textContent = get(el, name)
}

function relabel(el, text) {
	el.plain ??= el.textContent
	el.textContent = text || el.plain
}

// brings htmx only where the page has none
function start(event) {
	const root = $('[data-apitokens]:not([data-apitokens-ready])')
	if (!root || !event && document.readyState !== 'complete') return
	root.dataset.apitokensReady = ''
	if (window.htmx) return htmx.process(root)
	if (!/auto|bundled/.test(mode)) return
	const onload = () => {
		Object.assign(htmx.config, {allowEval: false, allowScriptTags: false, historyCacheSize: 0})
		htmx.process(root)
	}
	document.head.append(Object.assign(document.createElement('script'), {nonce, src, onload}))
}

on('htmx:beforeSwap htmx:before:swap htmx:sendError htmx:timeout htmx:error', event => {
	const {target, detail} = event, {ctx, xhr} = detail
	const answer = ctx ? ctx.response : xhr, mark = 'Apitokens-Fragment'
	if (!(ctx ? ctx.target : target)?.closest?.('[data-apitokens]')) return
	if (!answer?.status) return put('offline')
	if (ctx ? answer.headers.get(mark) : xhr.getResponseHeader(mark)) {
		detail.shouldSwap = true
		detail.isError = false
	} else { // a page here is some log-in page
		event.preventDefault()
		put(answer.status < 400 || answer.status === 401 ? 'signed-out' : 'failed')
	}
})

function focusIn(node) {
	const el = $('[data-apitokens-focus], #at-errsum, [autofocus]', node) || $('h2', node)
	el?.focus()
	el?.select?.()
}

function refocus() {
	if (document.activeElement !== document.body) return
	(opener?.isConnected ? opener : $('#at-title'))?.focus()
}

function finish() {
	const dialog = top(), text = get(dialog, 'toast')
	dialog.close()
	dialog.remove()
	if (text) put('toast-template', text)
	refocus()
}

// trades elements of the same id, or back
function guard(wanted) {
	const spare = find('guard')
	if (!spare || spare.used === wanted) return
	spare.used = wanted
	for (const el of [...spare.content.children]) {
		const old = $('#' + el.id)
		old.replaceWith(el)
		spare.content.append(old)
	}
	if (wanted) focusIn(top())
}

function keep() {
	guard()
	find('guard')?.remove()
}

function select(el) {
	el.focus()
	getSelection().selectAllChildren(el)
}

async function copy(button) {
	const source = $('#' + get(button, 'copy-from'))
	try {
		await navigator.clipboard.writeText(source?.textContent.trim() ?? get(button, 'copy'))
	} catch {
		select(source || button.previousElementSibling)
		return put('blocked', get(button, 'refused'))
	}
	if (source) {
		keep()
		button = find('copy-from')
		button.focus()
	}
	say(button)
	const label = $('span', button) || {}
	const flash = text => {
		relabel(label, text)
		button.classList.toggle('at-copied', !!text)
	}
	flash(get(find('copied'), 'copied'))
	setTimeout(flash, 3e3)
}

const actions = {
	copy,
	'copy-from': copy,
	stored(el) { keep(); say(el) },
	done() { find('guard') ? guard(true) : finish() },
	close(el, event) { event.preventDefault(); finish() },
	dismiss(el) { el.parentNode.remove(); refocus() },
}

on('click', event => {
	const el = event.target.closest('a, button')
	if (!el) return
	if (!top()) opener = el
	for (const name in actions) if (get(el, name) !== null) actions[name](el, event)
})

on('keydown cancel', event => {
	const {key, target, type} = event
	if (key === 'a' && target.id === 'at-secret') select(target)
	else if (key !== 'Escape' && type !== 'cancel') return
	else if ($('dialog #at-secret')) guard(true)
	else return $('form:focus-within [data-apitokens-cancel]')?.click()
	event.preventDefault()
})

on('close', ({target}) => target === top() && finish())
on('copy', () => `${getSelection()}`.includes($('#at-secret')?.textContent.trim()) && keep())

function count() {
	const label = find('selected'), n = boxes(':checked').length
	if (!label) return
	find('select-all').checked = n === boxes().length
	relabel(label, n && get(label, 'selected').replace('{n}', n))
}

on('change', ({target}) => {
	if (target === find('select-all')) for (const box of boxes()) box.checked = target.checked
	count()
	const never = $('#at-expiry [value=never]')
	if (never && target.name === 'kind') never.disabled = target.value === 'access'
})

function note(el) {
	if (!el) return
	for (const old of all('#at-toasts > :not(:last-child), dialog > [role=alert]')) old.remove()
	if (top()) { // it would hide the toast
		el.role = 'alert'
		top().prepend(el)
	}
	get(el, 'stay') ?? setTimeout(function leave() {
		el.matches(':hover, :focus-within') ? setTimeout(leave, 1e3) : el.remove()
	}, 1e4)
}

new MutationObserver(records => {
	for (const {target: panel} of records) {
		if (panel.id === 'at-toasts') note(panel.lastElementChild)
		if (!/^at-(list|dialog)/.test(panel.id)) continue
		const dialog = $('dialog:not(:modal)', panel), said = find('announce', panel)
		dialog?.removeAttribute('open')
		dialog?.showModal()
		if (top() === dialog) focusIn(dialog || panel)
		if (said) say(said, 'announce')
		refocus()
		count()
	}
	start()
}).observe(document, {childList: true, subtree: true})

start()
on('DOMContentLoaded load', start)
on('pagehide turbo:before-cache', () => {
	for (const el of all('#at-dialog, [data-apitokens-secret]')) el.replaceChildren()
})
}
