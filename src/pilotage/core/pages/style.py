"""How a page looks: light and dark, on a phone and on paper. Its classes are not those of the picture within it."""

STYLE = """
:root{color-scheme:light dark;--ground:#fff;--text:#1f2328;--quiet:#59636e;--edge:#d1d9e0;--tint:#f6f8fa;--mark:#a33a00}
@media screen and (prefers-color-scheme:dark){
:root{--ground:#0d1117;--text:#e6edf3;--quiet:#9198a1;--edge:#30363d;--tint:#161b22;--mark:#ffa657}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);
font:16px/1.5 system-ui,"Segoe UI",Helvetica,Arial,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0}
h2{font-size:1.2rem;margin:2.2rem 0 .6rem;padding-bottom:.25rem;border-bottom:1px solid var(--edge)}
h3{font-size:1rem;margin:1.4rem 0 .4rem}
.lead{font-size:1.1rem;font-weight:600;border-left:4px solid var(--mark);padding-left:.8rem;margin:.8rem 0 1.2rem}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.25rem 1.2rem;margin:0 0 1rem}
dt{color:var(--quiet)}
dd{margin:0}
ul{padding-left:1.2rem}
li{margin:.25rem 0}
.wide{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--quiet);padding:.2rem 0}
th,td{text-align:left;vertical-align:top;padding:.35rem .7rem .35rem 0;border-bottom:1px solid var(--edge)}
th{font-weight:600}
thead th{color:var(--quiet);white-space:nowrap}
th,td{overflow-wrap:break-word}
.short{white-space:nowrap}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.88em;
background:var(--tint);border-radius:4px}
code{padding:.1em .3em}
code,strong{unicode-bidi:isolate}
pre{padding:.6rem .8rem;overflow-x:auto;white-space:pre-wrap;margin:.3rem 0 .8rem}
figure{margin:1rem 0}
figure svg{display:block;width:100%;min-width:45rem;height:auto}
:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
@media (max-width:40rem){
dl{grid-template-columns:minmax(0,1fr);gap:0}
dd{margin-bottom:.6rem}
.short{white-space:normal;min-width:6.8rem}}
@media print{
body{font-size:10.5pt}
main{max-width:none;padding:0}
.wide{overflow:visible}
figure svg{min-width:0}
h2,h3{break-after:avoid}
tr,li,figure{break-inside:avoid}}
""".strip()
