/// The page's style sheet: one palette for light and one for dark surroundings, distinguishable without color vision
/// (Okabe and Ito's blue, vermilion and green, and dashes beside them).
enum Style {
    static let css = """
        :root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--line:#d5dae0;--paper:#fff;--card:#f6f8fa;--a:#0060a8;\
        --b:#c24e00;--c:#00795a;--fill:#0060a822}
        @media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa5b1;--line:#363d46;--paper:#0f1317;--card:#171c22;\
        --a:#5cb3f5;--b:#ff9a57;--c:#45cfa4;--fill:#5cb3f533}}
        *{box-sizing:border-box}
        body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:72rem;background:var(--paper);color:var(--ink);\
        font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
        h1{font-size:1.7rem;line-height:1.2;margin:0 0 .3rem}h2{font-size:1.2rem;margin:2.6rem 0 .4rem}
        h3{font-size:1rem;margin:1.4rem 0 .3rem}p{margin:.3rem 0 .8rem;max-width:46rem;color:var(--soft)}
        .facts{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.2rem 0;padding:0;list-style:none}
        .facts li{background:var(--card);border-radius:8px;padding:.55rem .9rem;min-width:7.5rem}
        .facts b{display:block;font-size:1.35rem;font-weight:600;font-variant-numeric:tabular-nums}
        .facts span{color:var(--soft);font-size:.85rem}
        .grid{stroke:var(--line)}.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));gap:1rem}
        .panel{background:var(--card);border-radius:8px;padding:.6rem .6rem .3rem;margin:0;break-inside:avoid}
        .panel h3{margin:.1rem .2rem .2rem;font-size:.92rem;font-weight:600;overflow-wrap:anywhere}
        svg{display:block;width:100%;height:auto}svg text{font-size:10.5px;fill:var(--soft)}
        svg text.name{font-size:10.5px;font-weight:600;fill:var(--ink)}svg text.a{fill:var(--a)}svg text.b{fill:var(--b)}
        svg text.c{fill:var(--c)}svg text.axis{font-style:italic}
        svg line.grid{stroke-width:.7}svg line.mark{stroke:var(--c);stroke-width:1}
        polyline{fill:none;stroke-width:1.7;stroke-linejoin:round}polyline.a{stroke:var(--a)}
        polyline.b{stroke:var(--b);stroke-dasharray:5 2}polyline.c{stroke:var(--c)}
        circle.dot.a{fill:var(--a)}circle.dot.b{fill:var(--b)}circle.dot.c{fill:var(--c)}
        .wide svg{max-width:46rem}.box{fill:var(--fill);stroke:var(--a)}.whisker{stroke:var(--a)}.median{stroke:var(--b);stroke-width:2.2}
        .case{fill:var(--a);fill-opacity:.55}.bias{stroke:var(--b);stroke-width:1.5}
        .limit{stroke:var(--b);stroke-dasharray:4 3}
        .overlay{background:#000;border-radius:4px;image-rendering:auto}
        .overlay path{fill:none;stroke-width:1.6px;vector-effect:non-scaling-stroke}
        .overlay .truth{stroke:#ffd166}.overlay .prediction{stroke:#39c6ff;stroke-dasharray:5 3}
        .overlays{display:grid;grid-template-columns:repeat(3,1fr);gap:.6rem}
        figure{margin:0}figcaption{font-size:.8rem;color:var(--soft);overflow-wrap:anywhere;margin-top:.2rem}
        .key{display:inline-block;width:1.6rem;border-top:3px solid #d9a400;vertical-align:middle;margin:0 .3rem}
        .key.p{border-top:3px dashed #0a8fc4}
        .table{overflow-x:auto;margin:.6rem 0 1.2rem}
        table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
        caption{text-align:left;color:var(--soft);padding-bottom:.3rem}
        th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
        th{font-weight:600}.name{text-align:left}tbody th{font-weight:400}
        pre{background:var(--card);border-radius:8px;padding:.8rem 1rem;overflow-x:auto;font-size:.8rem;line-height:1.4}
        @media print{body{max-width:none;padding:0;font-size:11pt}.panel,figure,.table{break-inside:avoid}\
        h2{break-after:avoid}}
        """
}
