/* Unsaved switches: marked, counted, kept while the list is searched and paged. */
'use strict'
{
const started = Symbol.for('apitokens-admin')
if (!window[started]) {
window[started] = true

const unsaved = new Map() // by the key of a user: the state of the switch now
let leaving = false, place

const seen = new WeakSet() // the forms of this page, and of one that Turbo brings back
const find = css => Document.prototype.querySelector.call(document, css)
const on = (type, act) => EventTarget.prototype.addEventListener.call(window, type, act)

const form = () => find('form[data-apitokens-dirty]')
const part = (at, name) => at.querySelector(`[data-apitokens-${name}]`)
const switches = () => form()?.querySelectorAll('[role=switch]') ?? []

function note(box) {
	if (box.checked === box.defaultChecked) unsaved.delete(box.value)
	else unsaved.set(box.value, box.checked)
}

// The form also carries the unsaved changes of other pages of the list.
function carry() {
	const here = new Set([...switches()].map(box => box.value))
	form().querySelectorAll('[data-apitokens-carried]').forEach(el => el.remove())
	for (const [value, wanted] of unsaved) {
		if (here.has(value)) continue
		for (const name of ['row', wanted ? 'active' : 'was']) {
			const field = Object.assign(Document.prototype.createElement.call(document, 'input'), {type: 'hidden', name, value})
			field.dataset.apitokensCarried = ''
			form().append(field)
		}
	}
}

function show() {
	if (!form()) return
	for (const box of switches()) {
		const row = box.closest('tr'), dirty = unsaved.has(box.value)
		row.classList.toggle('at-row--dirty', dirty)
		part(row, 'change').hidden = !dirty
		const link = part(row, 'generate')
		if (link) link.hidden = dirty
		part(row, 'idle').hidden = !dirty && !!link
	}
	const n = unsaved.size, bar = part(form(), 'savebar'), told = part(bar, 'unsaved')
	bar.classList.toggle('at-savebar--dirty', n > 0)
	part(bar, 'clean').hidden = n > 0
	told.hidden = !n
	const forms = JSON.parse(told.dataset.apitokensUnsaved)
	const text = forms[new Intl.PluralRules(told.lang).select(n)].replace('{n}', n)
	const status = told.firstElementChild
	if (status.textContent !== text) status.textContent = n ? text : ''
	part(bar, 'discard').hidden = !n
	part(bar, 'save').disabled = !n
	carry()
}

function restore() {
	if (!form()) return
	leaving = false
	seen.add(form())
	const here = new URL(form().getAttribute('action'), Reflect.get(Node.prototype, 'baseURI', document)).pathname
	// The host swapped in the users of another service.
	if (place !== here) unsaved.clear()
	place = here
	if (form().closest('[data-apitokens-saved]')) unsaved.clear()
	for (const box of switches()) {
		if (unsaved.has(box.value)) box.checked = unsaved.get(box.value)
		note(box)
	}
	show()
}

on('change', ({target}) => {
	if (!target.matches?.('form[data-apitokens-dirty] [role=switch]')) return
	note(target)
	show()
})

on('click', ({target}) => {
	if (!target.closest?.('[data-apitokens-discard]')) return
	unsaved.clear()
	form().reset()
	show()
	find('#at-save-hint').focus()
})

on('submit', () => { leaving = true })
on('beforeunload', event => {
	if (unsaved.size && !leaving) event.preventDefault()
})

new MutationObserver(records => {
	for (const {target} of records) {
		if (target.id === 'at-list') restore()
		if (target.id === 'at-dialog' && !target.firstElementChild) leaving = false
	}
	if (form() && !seen.has(form())) restore()
}).observe(document, {childList: true, subtree: true})

restore()
}
}
