package config

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"weaver/config/source"
)

// parseYAML reads one YAML document. Plain scalars mean what they mean to PM2's reader (YAML 1.2's core schema):
// "yes" and "022" are a text and twenty-two. Anchors are expanded within bounds, so that one that contains itself, or
// a few lines that mean a billion values, are errors.
func parseYAML(file string, data []byte) (any, error) {
	y := &yamlDoc{file: file, anchors: map[string]ast.Node{}, open: map[string]bool{}}
	if err := source.Nested(file, data); err != nil {
		return nil, err
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // editors of Windows begin files with it
	parsed, err := parser.ParseBytes(bytes.ToValidUTF8(data, []byte("\ufffd")), 0)
	if err != nil {
		return nil, y.explain(err)
	}
	var body ast.Node
	for _, doc := range parsed.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			return nil, y.fail(doc.Body, "a second document: a config is one document")
		}
		body = doc.Body
	}
	if body == nil {
		return nil, nil
	}
	return y.value(body)
}

type yamlDoc struct {
	file    string
	anchors map[string]ast.Node
	open    map[string]bool // anchors being read
	depth   int
	values  int
}

func (y *yamlDoc) value(n ast.Node) (any, error) {
	if y.values++; y.values > source.MaxValues {
		return nil, y.fail(n, fmt.Sprintf("expands to more than %d values", source.MaxValues))
	}
	if y.depth++; y.depth > source.MaxDepth {
		return nil, y.fail(n, fmt.Sprintf("nested more than %d deep", source.MaxDepth))
	}
	defer func() { y.depth-- }()
	switch n := n.(type) {
	case nil:
		return nil, nil
	case *ast.AnchorNode:
		return y.anchor(n)
	case *ast.AliasNode:
		return y.alias(n)
	case *ast.TagNode:
		return y.tagged(n)
	case *ast.MappingNode:
		return y.mapping(n, n.Values)
	case *ast.MappingValueNode:
		return y.mapping(n, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		list := make([]any, 0, len(n.Values))
		for _, e := range n.Values {
			v, err := y.value(e)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.StringNode:
		if t := n.GetToken().Type; t == token.SingleQuoteType || t == token.DoubleQuoteType {
			return n.Value, nil
		}
		return plainScalar(n.Value), nil
	}
	return plainScalar(n.GetToken().Value), nil
}

func (y *yamlDoc) mapping(at ast.Node, pairs []*ast.MappingValueNode) (any, error) {
	var own, merged builder
	for _, pair := range pairs {
		v, err := y.value(pair.Value)
		if err != nil {
			return nil, err
		}
		if pair.Key.IsMergeKey() {
			if err := y.merge(&merged, pair, v); err != nil {
				return nil, err
			}
			continue
		}
		key, err := y.value(y.key(pair.Key))
		if err != nil {
			return nil, err
		}
		if !scalar(key) {
			return nil, y.fail(pair.Key, "a key has to be a text")
		}
		own.set(text(key), v)
	}
	if merged.object == nil {
		return own.done(), nil
	}
	for _, m := range own.object {
		merged.set(m.key, m.val)
	}
	if y.values += len(merged.object); y.values > source.MaxValues {
		return nil, y.fail(at, fmt.Sprintf("expands to more than %d values", source.MaxValues))
	}
	return merged.object, nil
}

func (y *yamlDoc) key(k ast.MapKeyNode) ast.Node {
	if explicit, ok := k.(*ast.MappingKeyNode); ok {
		return explicit.Value
	}
	return k
}

// merge adds what "<<" brings: the earlier of several wins, and what the mapping says itself wins over all.
func (y *yamlDoc) merge(into *builder, at ast.Node, v any) error {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		o, ok := e.(object)
		if !ok {
			return y.fail(at, `"<<" wants a mapping`)
		}
		for _, m := range o {
			if _, have := into.at[m.key]; !have {
				into.set(m.key, m.val)
			}
		}
		if y.values += len(o); y.values > source.MaxValues {
			return y.fail(at, fmt.Sprintf("expands to more than %d values", source.MaxValues))
		}
	}
	return nil
}

func (y *yamlDoc) anchor(n *ast.AnchorNode) (any, error) {
	name := n.Name.GetToken().Value
	y.anchors[name] = n.Value
	y.open[name] = true
	defer delete(y.open, name)
	return y.value(n.Value)
}

func (y *yamlDoc) alias(n *ast.AliasNode) (any, error) {
	name := n.Value.GetToken().Value
	target, ok := y.anchors[name]
	if !ok {
		return nil, y.fail(n, fmt.Sprintf("unknown alias *%s", clip(name)))
	}
	if y.open[name] {
		return nil, y.fail(n, fmt.Sprintf("&%s contains itself", clip(name)))
	}
	y.open[name] = true
	defer delete(y.open, name)
	return y.value(target)
}

func (y *yamlDoc) tagged(n *ast.TagNode) (any, error) {
	v, err := y.value(n.Value)
	if err != nil {
		return nil, err
	}
	switch tag := n.GetToken().Value; tag {
	case "!!str":
		if v, ok := n.Value.(ast.ScalarNode); ok {
			return v.GetToken().Value, nil
		}
		return text(v), nil
	case "!!int", "!!float":
		if s, ok := v.(string); ok {
			v = plainScalar(s)
		}
		if _, ok := v.(float64); !ok {
			return nil, y.fail(n, fmt.Sprintf("%s wants a number", tag))
		}
		return v, nil
	case "!!map", "!!seq", "!!bool", "!!null", "!!timestamp", "!!binary":
		return v, nil
	default:
		return nil, y.fail(n, fmt.Sprintf("unknown tag %s", clip(tag)))
	}
}

// plainScalar is what a scalar without quotes means.
func plainScalar(s string) any {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "true", "True", "TRUE":
		return true
	case "false", "False", "FALSE":
		return false
	case ".nan", ".NaN", ".NAN":
		return math.NaN()
	}
	digits, negative := strings.CutPrefix(s, "-")
	if !negative {
		digits = strings.TrimPrefix(s, "+")
	}
	sign := 1.0
	if negative {
		sign = -1
	}
	switch {
	case digits == ".inf" || digits == ".Inf" || digits == ".INF":
		return sign * math.Inf(1)
	case len(digits) > 2 && digits[0] == '0' && strings.ContainsRune("xob", rune(digits[1])) && !strings.Contains(digits, "_"):
		if n, err := strconv.ParseUint(digits, 0, 64); err == nil {
			return sign * float64(n)
		}
	case digits != "" && (isDigit(digits[0]) || digits[0] == '.') && plainDecimal(digits):
		if n, err := strconv.ParseFloat(digits, 64); err == nil || math.IsInf(n, 0) {
			return sign * n
		}
	}
	return s
}

func (y *yamlDoc) fail(n ast.Node, message string) error {
	e := &SyntaxError{File: y.file, Message: message}
	if n != nil && n.GetToken() != nil && n.GetToken().Position != nil {
		e.Line, e.Col = n.GetToken().Position.Line, n.GetToken().Position.Column
	}
	return e
}

// explain turns the parser's error, which draws the source, into a place and a sentence.
func (y *yamlDoc) explain(err error) error {
	var at interface {
		GetMessage() string
		GetToken() *token.Token
	}
	if !errors.As(err, &at) {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return &SyntaxError{File: y.file, Message: clip(line)}
	}
	e := &SyntaxError{File: y.file, Message: at.GetMessage()}
	if t := at.GetToken(); t != nil && t.Position != nil {
		e.Line, e.Col = t.Position.Line, t.Position.Column
	}
	return e
}

// YAMLToJSON reads a YAML document within the bounds of configs, as JSON with the keys in their order.
func YAMLToJSON(file string, data []byte) ([]byte, error) {
	v, err := parseYAML(file, data)
	if err != nil {
		return nil, err
	}
	return raw(v), nil
}
