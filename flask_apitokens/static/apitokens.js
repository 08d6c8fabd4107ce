'use strict'
if (!window.apitokens) {
window.apitokens = true

const doc = document
let opener, before

const $ = (css, at = doc) => at.querySelector(css)
const all = css => doc.querySelectorAll(css)
const find = (name, at) => $(`[data-apitokens-${name}]`, at)
const get = (el, name) => el.getAttribute('data-apitokens-' + name)
const top = () => $('#at-dialog dialog:last-of-type')
const boxes = (state = '') => all('[data-apitokens-select]' + state)
const stop = event => event.preventDefault()
const on = (types, act) => types.split(' ')
	.forEach(type => addEventListener(type, act, true))

function put(name, text) {
	const el = find(name).content.cloneNode(true)
	if (text) find('text', el).append(text)
	$('#at-toasts').append(el)
}

function say(el, name = 'said') {
	(find('say') || find('status')).textContent = get(el, name)
}

function relabel(el, text) {
	el.plain ??= el.textContent
	el.textContent = text || el.plain
}

function focusIn(node) {
	const el = $('[data-apitokens-focus], #at-errsum, [autofocus]', node) || $('h2', node)
	el?.focus()
	el?.select?.()
}

function refocus() {
	if (doc.activeElement !== doc.body) return
	(opener?.isConnected ? opener : doc.getElementById(opener?.id) || $('#at-title'))?.focus()
}

function finish() {
	const dialog = top(), text = get(dialog, 'toast')
	dialog.close()
	dialog.remove()
	if (text) put('toast-template', text)
	refocus()
}

function guard(want) {
	const spare = find('guard')
	if (!spare || spare.used === want) return
	spare.used = want
	for (const el of [...spare.content.children]) {
		const old = $('#' + el.id)
		old.replaceWith(el)
		spare.content.append(old)
	}
	if (want) focusIn(top())
}

function keep() {
	guard()
	find('guard')?.remove()
}

function select(el) {
	el.focus()
	getSelection().selectAllChildren(el)
}

async function copy(el) {
	const source = $('#' + get(el, 'copy-from'))
	try {
		await navigator.clipboard.writeText(source
			? (get(el, 'before') || '') + source.textContent.trim()
			: get(el, 'copy'))
	} catch {
		select(source || el.previousElementSibling)
		return put('blocked', get(el, 'refused'))
	}
	if (source) {
		keep()
		if (!el.isConnected) el = find('copy-from')
		el.focus()
	}
	say(el)
	const label = $('span', el) || {}
	const flash = text => {
		relabel(label, text)
		el.classList.toggle('at-copied', !!text)
	}
	flash(get(find('copied'), 'copied'))
	setTimeout(flash, 3e3)
}

// By script, because of a host's <base href> the link would leave the page.
function toField(link) {
	const part = doc.getElementById(link.hash.slice(1)), details = part?.closest('details')
	if (!part) return
	if (details) details.open = true
	const field = part.matches('input, select, textarea') ? part : $(':checked', part) || $('input', part)
	field?.focus()
	return field
}

const actions = {
	copy,
	'copy-from': copy,
	stored(el) { keep(); say(el) },
	done() { find('guard') ? guard(true) : finish() },
	close(el, event) { stop(event); finish() },
	dismiss(el) { el.parentNode.remove(); before?.focus(); refocus() },
}

on('click', event => {
	const el = event.target.closest('a, button')
	if (!el) return
	if (!top()) opener = $('[popovertarget]', el.closest('.at-menu') ?? el) ?? el
	if (el.closest('#at-errsum') && toField(el)) stop(event)
	for (const name in actions) if (get(el, name) !== null) actions[name](el, event)
})

on('focusin', ({target}) => get(target, 'dismiss') ?? (before = target))

on('keydown cancel', event => {
	const {key, target, type} = event
	if (key === 'a' && target.id === 'at-secret') select(target)
	else if (key !== 'Escape' && type !== 'cancel') return
	else if ($('dialog #at-secret')) guard(true)
	else return $('form:focus-within [data-apitokens-cancel]')?.click()
	stop(event)
})

on('beforeunload', event => find('guard') && stop(event))
on('close', ({target}) => target === top() && finish())
on('copy', () => `${getSelection()}`.includes($('#at-secret')?.textContent.trim()) && keep())

function count() {
	const label = find('selected'), n = boxes(':checked').length
	if (!label) return
	find('select-all').checked = n === boxes().length
	relabel(label, n && JSON.parse(get(label, 'selected'))[new Intl.PluralRules(label.lang).select(n)].replace('{n}', n))
}

on('change', ({target}) => {
	if (target === find('select-all')) for (const box of boxes()) box.checked = target.checked
	count()
})

function note(el) {
	if (!el) return
	for (const old of all('#at-toasts > :not(:last-child), dialog > [role=alert]')) old.remove()
	if (top()) {
		el.role = 'alert'
		top().prepend(el)
	}
	get(el, 'stay') ?? setTimeout(function leave() {
		el.matches(':hover, :focus-within') ? setTimeout(leave, 1e3) : el.remove()
	}, 1e4)
}

new MutationObserver(list => {
	for (const panel of new Set(list.map(r => r.target))) {
		if (panel.id === 'at-toasts') note(panel.lastElementChild)
		if (!/^at-(li|dia|pan|tools)/.test(panel.id)) continue
		const dialog = $('dialog:not(:modal)', panel), said = find('announce', panel)
		dialog?.removeAttribute('open')
		dialog?.showModal()
		if (top() === dialog) focusIn(dialog || panel)
		if (said) say(said, 'announce')
		refocus()
		count()
	}
}).observe(doc, {childList: true, subtree: true})

on('pagehide turbo:before-cache', () => {
	for (const el of all('#at-dialog, [data-apitokens-secret]')) el.replaceChildren()
})
}
