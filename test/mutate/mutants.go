package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// guards are the names by which a function that checks who may do what is
// known: it calls or returns one of them.
var guards = []string{
	"HasRole", "MemberOf", "ApproverOf", "MayApprove", "InGroup", "CanSee", "SeesAll", "CheckSignIn", "Fresh", "onlyAdmin",
	"KindForbidden", "KindStepUp", "Identity", "covers",
	"ReviewRefusal", "StopRefusal", "BreakGlassRefusal", "BreakGlassReviewRefusal", "refuseOwn", "refuseGain", "RefuseGains", "VisibleTo", "CanCollect", "CanRevise", "CanWithdraw",
}

// whole are files in which every function is a check of a bound.
var whole = []string{"actor.go", "window.go", "quota.go", "review.go", "relax.go", "relaxations.go"}

// mutant is a file with one check broken.
type mutant struct {
	file     string
	line     int
	function string
	what     string
	text     []byte
}

func (m mutant) String() string {
	return fmt.Sprintf("%s:%d %s: %s", m.file, m.line, m.function, m.what)
}

// mutantsOf breaks each check of the package in dir in each way.
func mutantsOf(dir string) ([]mutant, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var list []mutant
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		found, err := mutantsIn(file, text)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

func mutantsIn(file string, text []byte) ([]mutant, error) {
	positions := token.NewFileSet()
	parsed, err := parser.ParseFile(positions, file, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	b := breaker{positions: positions, file: file, text: text}
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil || !slices.Contains(whole, filepath.Base(file)) && !checks(f) {
			continue
		}
		b.function = f.Name.Name
		ast.Inspect(f.Body, func(n ast.Node) bool { b.visit(n); return true })
	}
	return b.mutants, nil
}

// checks reports whether a function checks who may do what.
func checks(f *ast.FuncDecl) bool { return guarded(f.Body) }

// guarded reports whether a guard is named in a part of a program.
func guarded(part ast.Node) bool {
	found := false
	ast.Inspect(part, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok && slices.Contains(guards, name.Name) {
			found = true
		}
		return !found
	})
	return found
}

// breaker collects the mutants of a file.
type breaker struct {
	positions *token.FileSet
	file      string
	function  string
	text      []byte
	mutants   []mutant
}

// visit breaks what a node decides: a condition that never holds, one of two
// that is left out, a bound that is moved by one moment.
func (b *breaker) visit(n ast.Node) {
	switch n := n.(type) {
	case *ast.IfStmt:
		b.branch(n)
	case *ast.ReturnStmt:
		b.passes(n)
	case *ast.SwitchStmt:
		if n.Tag == nil {
			b.cases(n)
		}
	case *ast.BinaryExpr:
		b.binary(n)
	case *ast.CallExpr:
		b.moment(n)
	}
}

func (b *breaker) cases(s *ast.SwitchStmt) {
	for _, c := range s.Body.List {
		for _, condition := range c.(*ast.CaseClause).List {
			b.never(condition)
		}
	}
}

// branch has a branch never be taken. One that looks for an error stays, unless
// the error is that of a guard.
func (b *breaker) branch(n *ast.IfStmt) {
	switch {
	case b.source(n.Cond) != "err != nil":
		b.never(n.Cond)
	case n.Init != nil && guarded(n.Init):
		b.replace(n.Cond, "err != nil && false", "whatever comes of "+b.source(n.Init))
	}
}

// passes has a function return no error where it returns that of a guard.
func (b *breaker) passes(n *ast.ReturnStmt) {
	if len(n.Results) != 1 {
		return
	}
	call, ok := n.Results[0].(*ast.CallExpr)
	if !ok || !strings.HasSuffix(b.source(call.Fun), "CheckSignIn") && !strings.HasSuffix(b.source(call.Fun), "Refusal") {
		return
	}
	b.replace(n, "_ = "+b.source(call)+"; return nil", "whatever comes of "+b.source(call))
}

// never has a condition never hold; it is still evaluated.
func (b *breaker) never(condition ast.Expr) {
	b.replace(condition, "("+b.source(condition)+") && false", "never "+b.source(condition))
}

var shifted = map[token.Token]string{token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">"}

func (b *breaker) binary(n *ast.BinaryExpr) {
	switch n.Op {
	case token.LAND, token.LOR:
		b.replace(n, "("+b.source(n.X)+")", "only "+b.source(n.X))
		b.replace(n, "("+b.source(n.Y)+")", "only "+b.source(n.Y))
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		b.replace(n, b.source(n.X)+" "+shifted[n.Op]+" "+b.source(n.Y), shifted[n.Op]+" in "+b.source(n))
	}
}

// moment has the moment at which two times are the same count as the other side.
func (b *breaker) moment(n *ast.CallExpr) {
	called, ok := n.Fun.(*ast.SelectorExpr)
	if !ok || len(n.Args) != 1 {
		return
	}
	x, y := b.source(called.X), b.source(n.Args[0])
	if name := called.Sel.Name; name == "Before" || name == "After" {
		b.replace(n, "(!("+y+")."+name+"("+x+"))", "the same moment counts in "+b.source(n))
	}
}

func (b *breaker) source(n ast.Node) string {
	return string(b.text[b.positions.Position(n.Pos()).Offset:b.positions.Position(n.End()).Offset])
}

func (b *breaker) replace(n ast.Node, by, what string) {
	from, to := b.positions.Position(n.Pos()), b.positions.Position(n.End())
	text := slices.Concat(b.text[:from.Offset], []byte(by), b.text[to.Offset:])
	b.mutants = append(b.mutants, mutant{b.file, from.Line, b.function, strings.Join(strings.Fields(what), " "), text})
}
