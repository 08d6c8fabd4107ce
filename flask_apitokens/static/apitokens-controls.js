'use strict'
// Menus of rows, Enter on a choice, and the links of the error summary. All of it works without this
// script, less well.
{
const ready = Symbol.for('apitokens-controls')
if (!window[ready]) {
window[ready] = true

const MENU = '[data-apitokens] .at-menu__list'
const CHOICE = '[data-apitokens] :is([type=radio], [role=switch], [data-apitokens-select], [data-apitokens-select-all])'
// An element with the name of a function may stand in its place.
const on = (type, act) => EventTarget.prototype.addEventListener.call(window, type, act, true)

// Enter on a choice would press the first button of its form.
on('keydown', event => {
	const {key, isComposing, keyCode, target} = event
	if (key === 'Enter' && !isComposing && keyCode !== 229 && target.matches?.(CHOICE)) event.preventDefault()
})

// The focus goes back to the button, which is there when the dialog of the link closes.
on('click', ({target}) => {
	target.closest?.(`${MENU} a`)?.closest(MENU).hidePopover?.()
})

// For browsers that cannot anchor it to its button.
on('beforetoggle', ({target, newState}) => {
	if (newState !== 'open' || !target.matches?.(MENU) || CSS.supports('position-area: end')) return
	const {left, right, bottom} = target.previousElementSibling.getBoundingClientRect()
	const width = Reflect.get(Document.prototype, 'documentElement', document).clientWidth
	const [side, place] = left + right > width ? ['right', width - right - scrollX] : ['left', left + scrollX]
	Object.assign(target.style, {position: 'absolute', inset: 'auto', margin: 0, top: `${bottom + scrollY}px`})
	target.style[side] = `${place}px`
})

// Return the field that a line of the error summary names; of a group the chosen option, or the first.
function fieldOf(link) {
	const part = link.closest('[data-apitokens]').querySelector(`[id="${CSS.escape(link.hash.slice(1))}"]`)
	if (!part || part.matches('input, select, textarea')) return part
	return part.querySelector(':checked') || part.querySelector('input')
}

// Because of a host's <base href> the link of a dialog would leave the page.
on('click', event => {
	const link = event.target.closest?.('#at-errsum a'), field = link && fieldOf(link)
	if (!field) return
	event.preventDefault()
	const details = field.closest('details')
	if (details) details.open = true
	field.focus()
})
}
}
