package config

import (
	"fmt"
	"math"
	"strings"

	"weaver/config/source"
)

// expression is a sum of products.
func (p *jsonish) expression() (any, error) { return p.binary("+-", p.product) }
func (p *jsonish) product() (any, error)    { return p.binary("*/%", p.unary) }

func (p *jsonish) binary(ops string, operand func() (any, error)) (any, error) {
	left, err := operand()
	if err != nil {
		return nil, err
	}
	for {
		if err := p.space(); err != nil {
			return nil, err
		}
		if p.pos >= len(p.src) || !strings.ContainsRune(ops, rune(p.src[p.pos])) {
			return left, nil
		}
		op, at := p.src[p.pos], p.pos
		p.pos++
		right, err := operand()
		if err != nil {
			return nil, err
		}
		if left, err = p.calculate(at, op, left, right); err != nil {
			return nil, err
		}
	}
}

func (p *jsonish) calculate(at int, op byte, left, right any) (any, error) {
	_, ls := left.(string)
	_, rs := right.(string)
	if op == '+' && (ls || rs) && scalar(left) && scalar(right) {
		sum := text(left) + text(right)
		if len(sum) > source.MaxFile {
			return nil, p.fail(at, "the text becomes too long")
		}
		return sum, nil
	}
	a, aok := left.(float64)
	b, bok := right.(float64)
	if !aok || !bok {
		return nil, p.fail(at, fmt.Sprintf("%q wants numbers", string(op)))
	}
	switch op {
	case '+':
		return a + b, nil
	case '-':
		return a - b, nil
	case '*':
		return a * b, nil
	case '/':
		return a / b, nil
	}
	return math.Mod(a, b), nil
}

func scalar(v any) bool {
	switch v.(type) {
	case string, float64, bool, nil:
		return true
	}
	return false
}

func (p *jsonish) unary() (any, error) {
	if err := p.space(); err != nil {
		return nil, err
	}
	if p.pos >= len(p.src) || !strings.ContainsRune("+-!", rune(p.src[p.pos])) {
		return p.power()
	}
	op, at := p.src[p.pos], p.pos
	p.pos++
	if err := p.enter(at); err != nil {
		return nil, err
	}
	defer p.leave()
	v, err := p.unary()
	if err != nil {
		return nil, err
	}
	if op == '!' {
		return falsy(v), nil
	}
	n, ok := v.(float64)
	if !ok {
		return nil, p.fail(at, fmt.Sprintf("%q wants a number", string(op)))
	}
	if op == '-' {
		n = -n
	}
	return n, nil
}

func (p *jsonish) power() (any, error) {
	v, err := p.primary()
	if err != nil {
		return nil, err
	}
	if err := p.space(); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(p.src[p.pos:], "**") {
		return v, nil
	}
	at := p.pos
	p.pos += 2
	if err := p.enter(at); err != nil {
		return nil, err
	}
	defer p.leave()
	exponent, err := p.unary()
	if err != nil {
		return nil, err
	}
	a, aok := v.(float64)
	b, bok := exponent.(float64)
	if !aok || !bok {
		return nil, p.fail(at, `"**" wants numbers`)
	}
	return math.Pow(a, b), nil
}
