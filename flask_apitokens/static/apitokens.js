'use strict'
{
const started = Symbol.for('apitokens')
if (!window[started]) {
window[started] = true

let opener, before

// A form or an image with the name of a property takes its place on the document.
const own = name => Reflect.get(Document.prototype, name, document)
const all = css => Document.prototype.querySelectorAll.call(document, css)
const $ = (css, at) => at ? at.querySelector(css) : Document.prototype.querySelector.call(document, css)
const byId = id => all(`[id="${CSS.escape(id)}"]`)[0]
const find = (name, at) => $(`[data-apitokens-${name}]`, at)
const get = (el, name) => el.getAttribute('data-apitokens-' + name)
const top = () => $('#at-dialog dialog:last-of-type')
const boxes = (state = '') => all('[data-apitokens-select]' + state)
const stop = event => event.preventDefault()
const on = (types, act) => types.split(' ')
	.forEach(type => EventTarget.prototype.addEventListener.call(window, type, act, true))

function put(name, text) {
	const el = find(name).content.cloneNode(true)
	if (text) find('text', el).append(text)
	$('#at-toasts').append(el)
}

function say(el, name = 'said') {
	(find('say') || find('status')).textContent = get(el, name)
}

const labelOf = el => $('span', el) || {dataset: {}}

function relabel(el, text) {
	el.dataset.apitokensPlain ??= el.textContent
	el.textContent = text || el.dataset.apitokensPlain
}

function focusIn(node) {
	const el = $('[data-apitokens-focus], #at-errsum, [autofocus]', node) || $('h2', node)
	el?.focus()
	el?.select?.()
}

function refocus() {
	if (own('activeElement') !== own('body')) return
	(opener?.isConnected ? opener : opener?.id && byId(opener.id) || $('#at-title'))?.focus()
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
	const label = labelOf(el)
	const flash = text => {
		relabel(label, text)
		el.classList.toggle('at-copied', !!text)
	}
	flash(get(find('copied'), 'copied'))
	setTimeout(flash, 3e3)
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
	const el = event.target.closest?.('a, button'), {ctrlKey, metaKey, shiftKey, altKey} = event
	if (!el || el.matches('[href]:not([download])') && (ctrlKey || metaKey || shiftKey || altKey)) return
	if (!top()) opener = $('[popovertarget]', el.closest('.at-menu') ?? el) ?? el
	for (const name in actions) if (get(el, name) !== null) actions[name](el, event)
})

on('focusin', ({target}) => get(target, 'dismiss') ?? (before = target))

on('keydown cancel', event => {
	const {key, code, target, type} = event
	// Escape and Enter of an input method end its composition.
	if (event.isComposing || event.keyCode === 229) return
	const letter = /^[a-z]$/i.test(key) ? key.toLowerCase() === 'a' : code === 'KeyA'
	if (letter && (event.ctrlKey || event.metaKey) && !event.altKey && target.id === 'at-secret') select(target)
	else if (key !== 'Escape' && type !== 'cancel') return
	else if ($('dialog #at-secret')) guard(true)
	else return $('form:focus-within [data-apitokens-cancel]')?.click()
	stop(event)
})

on('beforeunload', event => find('guard') && stop(event))
on('close', ({target}) => target === top() && finish())
on('copy', () => `${getSelection()}`.includes($('#at-secret')?.textContent.trim()) && keep())

function count() {
	const labels = all('[data-apitokens-selected]'), n = boxes(':checked').length
	if (!labels.length) return
	find('select-all').checked = n === boxes().length
	for (const label of labels)
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
}).observe(document, {childList: true, subtree: true})

on('pagehide turbo:before-cache', () => {
	for (const el of all('#at-dialog, [data-apitokens-secret]')) el.replaceChildren()
	// The copy of the page that Turbo keeps is not in the middle of anything.
	for (const el of all('.at-copied')) {
		el.classList.remove('at-copied')
		relabel(labelOf(el))
	}
})
}
}
