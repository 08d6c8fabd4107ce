'use strict'
// Menus of rows, and Enter on a choice. All of it works without this script, less well.
{
const ready = Symbol.for('apitokens-controls')
if (!window[ready]) {
window[ready] = true

const MENU = '[data-apitokens] .at-menu__list'
const CHOICE = '[data-apitokens] :is([type=radio], [role=switch], [data-apitokens-select], [data-apitokens-select-all])'
const on = (type, act) => addEventListener(type, act, true)

// Enter on a choice would press the first button of its form.
on('keydown', event => {
	const {key, isComposing, target} = event
	if (key === 'Enter' && !isComposing && target.matches(CHOICE)) event.preventDefault()
})

// The focus goes back to the button, which is there when the dialog of the link closes.
on('click', ({target}) => {
	target.closest(`${MENU} a`)?.closest(MENU).hidePopover?.()
})

// For browsers that cannot anchor it to its button.
on('beforetoggle', ({target, newState}) => {
	if (newState !== 'open' || !target.matches(MENU) || CSS.supports('position-area: end')) return
	const {left, right, bottom} = target.previousElementSibling.getBoundingClientRect()
	const width = document.documentElement.clientWidth
	const [side, place] = left + right > width ? ['right', width - right - scrollX] : ['left', left + scrollX]
	Object.assign(target.style, {position: 'absolute', inset: 'auto', margin: 0, top: `${bottom + scrollY}px`})
	target.style[side] = `${place}px`
})
}
}
