(async()=>{"use strict";
const src=document.getElementById("rows"); if(!src) return;
const facts=JSON.parse(document.getElementById("facts").textContent);
let text=src.textContent;
if(src.dataset.form==="gzip"){
 const s=atob(text.trim()),bytes=new Uint8Array(s.length); for(let i=0;i<s.length;i++) bytes[i]=s.charCodeAt(i);
 text=await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
const F=JSON.parse(text); text=null; src.remove();
const [RUN,SEQ,DIR,NAME,SIZE,ENTRIES,EXACT,DIST,CAVEATS,CATEGORY,PROVEN,STATE,ACCEPTED,DETAILS]=F.length?F[0].keys():[];
document.documentElement.classList.add("js");
const body=document.getElementById("fbody"),$=i=>document.getElementById(i);
const PAGE=50,PRINTED=5000; let view=[],at=0,key=SEQ,dir=1;
const el=(n,c,t)=>{const e=document.createElement(n); if(c)e.className=c; if(t!==undefined)e.append(t); return e};
const flat=v=>typeof v==="string"?v:v.join("");
const add=(p,v,isPath)=>{(typeof v==="string"?[v]:v).forEach((s,i)=>{
 if(i%2) p.append(el("span","esc",s));
 else if(isPath) s.split(/(?<=\/)/).forEach(x=>p.append(x,el("wbr")));
 else p.append(s)}); return p};
const size=n=>{if(n===null)return ""; for(const u of ["B","KiB","MiB","GiB","TiB"]){if(n<1024)return u==="B"?n+" B":n.toFixed(1)+" "+u; n/=1024} return n.toFixed(1)+" PiB"};
const whole=r=>flat(r[DIR])+flat(r[NAME]);
const cache=new Array(F.length);
const hay=i=>cache[i]||(cache[i]=[whole(F[i]),...F[i][ENTRIES].flatMap(e=>[flat(facts.lists[e[0]]),flat(e[1]),...e[2].flat(1).map(flat)]),...F[i][DETAILS].filter((_,n)=>n%2).map(flat)].join("\n").toLowerCase());
function pick(){
 const q=$("q").value.trim().toLowerCase().split(/\s+/).filter(Boolean),l=$("fl").value,k=$("fk").value,c=$("fc").value,g=$("fg")?.value||"",s=$("fs")?.value||"",a=$("fa")?.value||"";
 view=[];
 for(let i=0;i<F.length;i++){const r=F[i];
  if(l!==""&&!r[ENTRIES].some(e=>e[0]===+l))continue;
  if(k&&(k==="exact")!==r[EXACT])continue;
  if(c==="none"?r[CAVEATS].length:c==="any"?!r[CAVEATS].length:c&&!r[CAVEATS].includes(c))continue;
  if(g&&r[CATEGORY]!==g)continue;
  if(s&&r[STATE]!==s)continue;
  if(a&&(a==="accepted")!==r[ACCEPTED])continue;
  if(q.length){const h=hay(i); if(!q.every(w=>h.includes(w)))continue}
  view.push(i)}
 const of=key===NAME?i=>whole(F[i]):key===ENTRIES?i=>flat(facts.lists[F[i][ENTRIES][0][0]]):key===DIST?i=>F[i][EXACT]?-1:F[i][DIST]:i=>F[i][key];
 if(key!==SEQ||dir<0){const v=new Map(view.map(i=>[i,of(i)])); view.sort((a,b)=>{const x=v.get(a),y=v.get(b); return x<y?-dir:x>y?dir:a-b})}
 at=0; draw();
}
function row(i){
 const r=F[i],tr=el("tr"),n=el("td","num",(facts.many?(r[RUN]+1)+"/":"")+r[SEQ]); tr.append(n);
 const p=el("td"),P=el("span","path"); P.append(add(el("span","soft"),r[DIR],true)); add(P,r[NAME],true);
 const b=el("button","more","details"); b.type="button"; b.setAttribute("aria-expanded","false"); b.setAttribute("aria-label","details of record "+r[SEQ]);
 p.append(P,el("br"),b);
 if(!r[PROVEN]) p.append(" ",el("span","tag warn","not proven"));
 if(r[ACCEPTED]) p.append(" ",el("span","tag plain","accepted"));
 if(r[STATE]) p.append(" ",el("span","tag "+(r[STATE]==="new"?"exact":"plain"),r[STATE]==="new"?"new":"seen before"));
 tr.append(p,el("td","num",size(r[SIZE])));
 const L=el("td"),e=r[ENTRIES][0]; add(L,facts.lists[e[0]]); L.append(" "); L.append(add(el("span","soft mono"),e[1]));
 if(r[ENTRIES].length>1) L.append(el("span","soft",", and "+(r[ENTRIES].length-1)+" more"));
 for(const [k,v] of e[2]){const s=el("div"); s.append(add(el("span","soft"),k)," "); add(s,v); L.append(s)}
 tr.append(L);
 const M=el("td"); M.append(el("span","tag "+(r[EXACT]?"exact":"near"),e[3])); for(const w of r[CAVEATS]) M.append(" ",el("span","tag warn",facts.caveats[w])); tr.append(M);
 b.addEventListener("click",()=>{const o=b.getAttribute("aria-expanded")==="true"; b.setAttribute("aria-expanded",String(!o)); if(o)tr.nextSibling.remove(); else tr.after(detail(r))});
 return tr}
function detail(r){
 const tr=el("tr","detail"),td=el("td"); td.colSpan=5; const dl=el("dl");
 for(let n=0;n<r[DETAILS].length;n+=2) dl.append(el("dt","",facts.details[r[DETAILS][n]]),add(el("dd","hash"),r[DETAILS][n+1]));
 for(const e of r[ENTRIES].slice(1)){const d=el("dd"); add(d,facts.lists[e[0]]); d.append(", "); add(d,e[1]); d.append(": "+e[3]); for(const [k,v] of e[2]){d.append("; "); add(d,k); d.append(" "); add(d,v)} dl.append(el("dt","","also matches"),d)}
 td.append(dl); tr.append(td); return tr}
const N=n=>n.toLocaleString("en");
function draw(){
 const n=view.length,end=Math.min(at+PAGE,n); body.replaceChildren(...view.slice(at,end).map(row));
 $("count").textContent=n===F.length?N(n)+(n===1?" finding":" findings"):N(n)+" of "+N(F.length)+" findings";
 $("range").textContent=n?N(at+1)+" to "+N(end)+" of "+N(n):"none";
 $("prev").disabled=at===0; $("next").disabled=end>=n}
const keys={seq:SEQ,path:NAME,size:SIZE,list:ENTRIES,dist:DIST};
for(const b of document.querySelectorAll("th button[data-k]")) b.addEventListener("click",()=>{const k=keys[b.dataset.k]; if(key===k)dir=-dir; else{key=k;dir=1} for(const o of document.querySelectorAll("th[aria-sort]"))o.setAttribute("aria-sort","none"); b.closest("th").setAttribute("aria-sort",dir>0?"ascending":"descending"); pick()});
let t; $("q").addEventListener("input",()=>{clearTimeout(t); t=setTimeout(pick,150)});
for(const i of ["fl","fk","fc","fg","fs","fa"]) $(i)?.addEventListener("change",pick);
$("prev").addEventListener("click",()=>{at=Math.max(0,at-PAGE);draw()}); $("next").addEventListener("click",()=>{at+=PAGE;draw()});
addEventListener("beforeprint",()=>body.replaceChildren(...view.slice(0,PRINTED).map(row))); addEventListener("afterprint",draw);
pick();
})();
