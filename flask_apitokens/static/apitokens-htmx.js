'use strict'
// Bring htmx to our controls, and see what it is answered. The pages work without it.
{
const started = Symbol.for('apitokens-htmx')
if (!window[started]) {
window[started] = true

const {nonce, dataset: {apitokensHtmx: mode, apitokensHtmxSrc: src}} = document.currentScript
const $ = css => document.querySelector(css)
const on = (types, act) => types.split(' ')
	.forEach(type => addEventListener(type, act, true))

function put(name) {
	const panel = name === 'signed-out' ? '#at-dialog' : '#at-toasts'
	$(panel).append($(`[data-apitokens-${name}]`).content.cloneNode(true))
}

function start(event) {
	const root = $('[data-apitokens]:not([data-apitokens-ready])')
	if (!root || !event && document.readyState !== 'complete') return
	root.dataset.apitokensReady = ''
	if (window.htmx) return htmx.process(root)
	if (!/^[ab]/.test(mode)) return
	const onload = () => {
		Object.assign(htmx.config, {allowEval: false, allowScriptTags: false, historyCacheSize: 0})
		htmx.process(root)
	}
	document.head.append(Object.assign(document.createElement('script'), {nonce, src, onload}))
}

on('htmx:beforeSwap htmx:before:swap htmx:sendError htmx:timeout htmx:error', event => {
	const {detail} = event, {ctx, xhr} = detail
	const answer = ctx ? ctx.response : xhr, mark = 'Apitokens-Fragment'
	if (!(ctx || event).target?.closest?.('[data-apitokens]')) return
	const sent = /post/i.test(ctx?.request.method ?? detail.requestConfig?.verb) ? '-sent' : ''
	if (!answer?.status) return put('offline' + sent)
	if (ctx ? answer.headers.get(mark) : xhr.getResponseHeader(mark)) {
		detail.shouldSwap = true
		detail.isError = false
	} else {
		event.preventDefault()
		put(answer.status < 400 || answer.status === 401 ? 'signed-out' : 'failed' + sent)
	}
})

start()
new MutationObserver(() => start()).observe(document, {childList: true, subtree: true})
on('DOMContentLoaded load', start)
}
}
